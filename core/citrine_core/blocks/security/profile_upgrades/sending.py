"""What a station is sent for another security profile: certificate, network profile, order of its slots, reset."""

from typing import Any, TypeVar

from google.protobuf.message import Message

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.errors import CoreError
from citrine_core.rpc import Caller, system_caller
from citrine_core.services import Services

__all__ = ["COMPONENT", "PRIORITY", "PROFILE", "SECURITY", "Refused", "StationSteps"]

COMPONENT, PRIORITY = "OCPPCommCtrlr", "NetworkConfigurationPriority"

SECURITY, PROFILE = "SecurityCtrlr", "SecurityProfile"

REASON = "security profile upgrade"

AnswerT = TypeVar("AnswerT", bound=Message)


class Refused(Exception):
    """The station did not do one of the steps, said in one sentence."""


class StationSteps:
    """Sends the steps of an upgrade to one station, each as a command of its own."""

    def __init__(self, services: Services, tenant_id: str, station_id: str) -> None:
        self._commands = services.commands
        self._who: Caller = system_caller(tenant_id, REASON)
        self._station_id = station_id

    async def read_priority(self) -> str:
        """Return the order of the slots that the station uses (B10).

        Raises:
            Refused: When it does not say.
        """
        data = ocpp.GetVariableData(component=Component(name=COMPONENT), variable=Variable(name=PRIORITY))
        answer: Any = await self._ask(ocpp.GetVariablesRequest(get_variable_data=[data]))
        for result in answer.get_variable_result:
            if result.attribute_status == ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED:
                return str(result.attribute_value)
        raise Refused(f"it does not say its {PRIORITY}")

    async def order_certificate(self) -> None:
        """Have the station order a certificate of its own (A02).

        Raises:
            Refused: When it does not.
        """
        wanted = remote_control.MESSAGE_TRIGGER_ENUM_SIGN_CHARGING_STATION_CERTIFICATE
        answer: Any = await self._ask(remote_control.TriggerMessageRequest(requested_message=wanted))
        if answer.status != remote_control.TRIGGER_MESSAGE_STATUS_ENUM_ACCEPTED:
            raise Refused(_said("TriggerMessage", remote_control.TriggerMessageStatusEnum.Name(answer.status)))

    async def set_profile(self, slot: int, profile: ocpp.NetworkConnectionProfile) -> None:
        """Have the station store a network profile (B09).

        Raises:
            Refused: When it does not.
        """
        answer: Any = await self._ask(ocpp.SetNetworkProfileRequest(configuration_slot=slot, connection_data=profile))
        if answer.status != ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_ACCEPTED:
            raise Refused(_said("SetNetworkProfile", ocpp.SetNetworkProfileStatusEnum.Name(answer.status)))

    async def set_priority(self, priority: str) -> None:
        """Have the station use its slots in this order after its next reboot (A05.FR.04).

        Raises:
            Refused: When it does not.
        """
        await self._set(PRIORITY, _set_variable(COMPONENT, PRIORITY, priority))

    async def set_security_profile(self, profile: int) -> bool:
        """Have a station use a security profile that knows no slots; return whether it has to restart for that.

        Raises:
            Refused: When it does not.
        """
        return await self._set(PROFILE, _set_variable(SECURITY, PROFILE, str(profile)))

    async def restore_priority(self, priority: str) -> None:
        """Have the station use its slots in the order before, also if it is not connected now.

        Raises:
            CoreError: When that can't be stored.
        """
        target = CommandTarget(station_id=self._station_id, reason=REASON, when_online=True)
        await self._commands.send(self._who, target, _set_variable(COMPONENT, PRIORITY, priority))

    async def reset(self, *, immediately: bool) -> None:
        """Have the station restart (A05.FR.05).

        Raises:
            Refused: When it does not.
        """
        kind = ocpp.RESET_ENUM_IMMEDIATE if immediately else ocpp.RESET_ENUM_ON_IDLE
        answer: Any = await self._ask(ocpp.ResetRequest(type=kind))
        if answer.status not in (ocpp.RESET_STATUS_ENUM_ACCEPTED, ocpp.RESET_STATUS_ENUM_SCHEDULED):
            raise Refused(_said("Reset", ocpp.ResetStatusEnum.Name(answer.status)))

    async def _set(self, name: str, message: ocpp.SetVariablesRequest) -> bool:
        """Set a variable, and return whether the station has to restart for that."""
        answer: Any = await self._ask(message)
        statuses = [result.attribute_status for result in answer.set_variable_result]
        good = (ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED, ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED)
        for status in statuses:
            if status not in good:
                # A05.FR.02, A05.FR.03: it lacks a root of ours, or a certificate of its own.
                raise Refused(_said(name, ocpp.SetVariableStatusEnum.Name(status)))
        return ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED in statuses

    async def _ask(self, message: Message) -> Message:
        target = CommandTarget(station_id=self._station_id, reason=REASON)
        try:
            _, answer = await self._commands.send(self._who, target, message)
        except CoreError as error:
            raise Refused(str(error)) from error
        assert answer is not None, "it does not wait"
        return answer


def _set_variable(component: str, variable: str, value: str) -> ocpp.SetVariablesRequest:
    data = ocpp.SetVariableData(
        component=Component(name=component), variable=Variable(name=variable), attribute_value=value
    )
    return ocpp.SetVariablesRequest(set_variable_data=[data])


def _said(what: str, status: str) -> str:
    return f"{what}: it answered {status.rpartition('ENUM_')[2]}"
