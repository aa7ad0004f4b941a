"""What stations answer while they are configured."""

from collections.abc import Callable, Collection

from citrine.api.v1 import configurations_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.configuration.contents import content_of, key_of_data, results_of, store_results
from citrine_core.blocks.provisioning.configuration.steps import Steps
from citrine_core.blocks.provisioning.variables import key_of
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, handles_answer
from citrine_core.resources.configurations import ConfigurationRepository, ProvisioningRepository
from citrine_core.services import Services
from citrine_core.status_info import problem_of

__all__ = ["ConfigurationHandlers"]


class ConfigurationHandlers:
    """Keeps what stations make of their configuration, whoever sent them the values.

    Args:
        services: Of the core.
        wake: Has the next steps done at once.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._clock: Clock = services.clock
        self._wake = wake

    @handles_answer(ocpp.SetVariablesResponse)
    async def variables_set(
        self, work: UnitOfWork, answered: Answered[ocpp.SetVariablesRequest, ocpp.SetVariablesResponse]
    ) -> None:
        """Keep what a station answered to the values of its configuration (B05.FR.03)."""
        rows = await ProvisioningRepository(work.session).find_for_update(answered.tenant_id, [answered.station_id])
        row = rows.get(answered.station_id)
        if row is None or not row.configuration_id:
            return
        found = await ConfigurationRepository(work.session).find_all(answered.tenant_id, [row.configuration_id])
        if row.configuration_id not in found:
            return
        wanted = {key_of_data(data) for data in content_of(found[row.configuration_id]).variables}
        given = {key_of_data(data): data.attribute_value for data in answered.request.set_variable_data}
        results = results_of(row)
        for result in answered.response.set_variable_result:
            key = key_of(result.component, result.variable, result.attribute_type).folded()
            if key in wanted and key in given:
                results[key] = _result(result, given[key])
        store_results(row, results.values())

    async def reports_arrived(self, work: UnitOfWork, tenant_id: str, reports: Collection[tuple[str, int]]) -> None:
        """Go on with stations whose base report is there.

        Args:
            work: The transaction that stores the last part.
            tenant_id: Of the stations.
            reports: Station and request id of reports whose last part arrived.
        """
        rows = await ProvisioningRepository(work.session).find_for_update(tenant_id, {each[0] for each in reports})
        arrived = [row for row in rows.values() if (row.station_id, row.report_request_id) in reports]
        for row in arrived:
            if row.state == pb.PROVISIONING_STATE_REPORTING:
                Steps(work, row, self._clock()).go(pb.PROVISIONING_STATE_SETTING)
        if arrived:
            work.after_commit(self._wake)


def _result(result: ocpp.SetVariableResult, value: str) -> pb.VariableResult:
    accepted = result.attribute_status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
    return pb.VariableResult(
        component=result.component,
        variable=result.variable,
        attribute=result.attribute_type or ocpp.ATTRIBUTE_ENUM_ACTUAL,
        value=value,
        status=result.attribute_status,
        problem="" if accepted else problem_of("", result.attribute_status_info),
    )
