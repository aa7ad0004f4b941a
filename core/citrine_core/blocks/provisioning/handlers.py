"""Handlers of the answers of stations to GetVariables and SetVariables."""

from collections.abc import Mapping
from typing import Any

from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.repository import VariableKey, VariableRepository
from citrine_core.blocks.provisioning.variables import key_of, storable
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, handles_answer
from citrine_core.resources.stations.registrations import RegistrationRepository
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
    registrations = RegistrationRepository(work.session)
    if status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED:
        # A01.FR.03: from now on only the new password is valid.
        await registrations.promote_next_password(answered.tenant_id, answered.station_id)
    elif status != ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED:
        # A01.FR.04: the old password remains valid. Until a required reboot both are valid.
        await registrations.drop_next_password(answered.tenant_id, answered.station_id)
