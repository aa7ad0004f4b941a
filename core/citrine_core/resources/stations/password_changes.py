"""Changes of a station's password that the station is told of (A01)."""

from typing import Any

import grpc

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.blocks.provisioning.queries import find_max_limit
from citrine_core.errors import FailedPrecondition, InvalidArgument
from citrine_core.resources.stations.fields import check_password
from citrine_core.resources.stations.passwords import GENERATED, SHORTEST, generate_password
from citrine_core.rpc import caller
from citrine_core.services import Services

__all__ = ["PasswordChanges"]

COMPONENT, VARIABLE = "SecurityCtrlr", "BasicAuthPassword"

LEAST_LIMIT = 40
"""Characters that every station takes, whatever its device model says (errata 2025-01 of A00.FR.205)."""

SCOPE = "variables:send"

_DONE = (ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED, ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED)


class PasswordChanges:
    """Sends stations new passwords. Which ones are valid meanwhile is decided with each command that sends one."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._commands = services.commands

    async def send(
        self,
        request: pb.SetStationPasswordRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> pb.SetStationPasswordResponse:
        """Serve SetStationPassword with `send` (A01.FR.02).

        Raises:
            PermissionDenied: When the caller may not set variables.
            InvalidArgument: When the station can't take the password.
            FailedPrecondition: When the station refuses it.
            CoreError: As CommandTarget in the contract says.
        """
        who = caller(context)
        who.check_scope(SCOPE)
        most = await self._most(who.tenant_id, request.station_id)
        generated = "" if request.password else generate_password(min(GENERATED, most))
        if request.password:
            check_password("password", request.password)
            if len(request.password) > most:
                raise InvalidArgument("password", f"must have at most {most} characters: the station takes no more")
        target = CommandTarget(station_id=request.station_id, when_online=request.when_online)
        if request.HasField("timeout"):
            target.timeout.CopyFrom(request.timeout)
        data = ocpp.SetVariableData(
            component=Component(name=COMPONENT),
            variable=Variable(name=VARIABLE),
            attribute_value=request.password or generated,
        )
        message = ocpp.SetVariablesRequest(set_variable_data=[data])
        command, answer = await self._commands.send(who, target, message, context=context)
        response = pb.SetStationPasswordResponse(generated_password=generated, command=command)
        if isinstance(answer, ocpp.SetVariablesResponse):
            response.status = _status_of(answer)
        return response

    async def _most(self, tenant_id: str, station_id: str) -> int:
        """Return how many characters a password of a station may have."""
        async with self._unit_of_work(read_only=True) as work:
            limit = await find_max_limit(work.session, tenant_id, station_id, COMPONENT, VARIABLE)
        return max(SHORTEST, int(limit)) if limit else LEAST_LIMIT


def _status_of(answer: ocpp.SetVariablesResponse) -> ocpp.SetVariableStatusEnum.ValueType:
    results = answer.set_variable_result
    status = results[0].attribute_status if results else ocpp.SET_VARIABLE_STATUS_ENUM_REJECTED
    if status not in _DONE:
        said = ocpp.SetVariableStatusEnum.Name(status).removeprefix("SET_VARIABLE_STATUS_ENUM_")
        reason = results[0].attribute_status_info.reason_code if results else ""
        because = f" ({reason})" if reason else ""
        raise FailedPrecondition(f"the station answered {said}{because}: its password before stays valid")
    return status
