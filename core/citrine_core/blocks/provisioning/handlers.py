"""Handlers of the answers of stations to GetVariables and SetVariables."""

from collections.abc import Mapping
from typing import Any

from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.repository import VariableKey, VariableRepository
from citrine_core.blocks.provisioning.variables import key_of, storable
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.resources.stations.credentials import Credentials
from citrine_core.services import Services

__all__ = ["ProvisioningHandlers"]


class ProvisioningHandlers:
    """Handles answers of stations about variables (functional block B)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles_answer(ocpp.GetVariablesResponse)
    async def variables_read(
        self, work: UnitOfWork, answered: Answered[ocpp.GetVariablesRequest, ocpp.GetVariablesResponse]
    ) -> None:
        """Store the values that a station reported (B06.FR.10)."""
        values = {
            key_of(result.component, result.variable, result.attribute_type): result.attribute_value
            for result in answered.response.get_variable_result
            if result.attribute_status == ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED
        }
        await self._put_values(work, answered, values)

    @handles_answer(ocpp.SetVariablesResponse)
    async def variables_set(
        self, work: UnitOfWork, answered: Answered[ocpp.SetVariablesRequest, ocpp.SetVariablesResponse]
    ) -> None:
        """Store the values that a station accepted (B05.FR.10), and decide which password is valid (A01)."""
        asked = {
            key_of(data.component, data.variable, data.attribute_type).folded(): data.attribute_value
            for data in answered.request.set_variable_data
        }
        values: dict[VariableKey, str] = {}
        for result in answered.response.set_variable_result:
            key = key_of(result.component, result.variable, result.attribute_type)
            if _is_password(key):
                await _settle_password(work, answered, result.attribute_status)
            if result.attribute_status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED and key.folded() in asked:
                values[key] = asked[key.folded()]
        await self._put_values(work, answered, values)

    @handles_failure(ocpp.SetVariablesRequest)
    async def variables_not_set(self, work: UnitOfWork, failed: Failed[ocpp.SetVariablesRequest]) -> None:
        """Forget a password that a station did not get, or says that it did not take (A01.FR.04)."""
        keys = (key_of(data.component, data.variable, data.attribute_type) for data in failed.request.set_variable_data)
        if any(map(_is_password, keys)) and (failed.never_sent or failed.refused):
            await Credentials(work.session).settle(
                failed.tenant_id, failed.station_id, failed.command_id, accepted=False
            )

    async def _put_values(
        self, work: UnitOfWork, answered: Answered[Any, Any], values: Mapping[VariableKey, str]
    ) -> None:
        variables = VariableRepository(work.session)
        known = await variables.find_known(answered.tenant_id, answered.station_id, values)
        rows: dict[VariableKey, str | None] = {}
        for key, value in values.items():
            spelled, mutability = known.get(key.folded(), (key, None))
            rows[spelled] = storable(spelled.variable, value, mutability)
        await variables.put_values(answered.tenant_id, answered.station_id, rows, self._clock())


def _is_password(key: VariableKey) -> bool:
    return (key.component.casefold(), key.variable.casefold()) == ("securityctrlr", "basicauthpassword")


async def _settle_password(
    work: UnitOfWork, answered: Answered[Any, Any], status: ocpp.SetVariableStatusEnum.ValueType
) -> None:
    # A01.FR.03: from now on only the new password is valid. A01.FR.04: the old password remains valid. Until a required
    # reboot both are valid.
    if status != ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED:
        accepted = status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
        await Credentials(work.session).settle(
            answered.tenant_id, answered.station_id, answered.command_id, accepted=accepted
        )
