"""Reports of the device model: requested by GetBaseReport and GetReport, and received in parts by NotifyReport."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from citrine.api.v1.reports_pb2 import REPORT_KIND_DEVICE_MODEL, REPORT_STATE_COMPLETE
from citrine.ocpp.codec import encode
from citrine.ocpp.secrets import SECRET_VARIABLES
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import (
    GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_REJECTED,
)
from citrine_core.blocks.provisioning.repository import VariableRepository
from citrine_core.blocks.provisioning.variables import key_of, reported_rows
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.resources.commands.secrets import MASK
from citrine_core.resources.reports import (
    Part,
    ReportRepository,
    ReportRun,
    report_answered,
    report_failed,
    store_parts,
)
from citrine_core.resources.stations.registrations import RegistrationRepository
from citrine_core.services import Services

__all__ = ["ReportHandlers"]


OnArrived = Callable[[UnitOfWork, str, Collection[tuple[str, int]]], Awaitable[None]]
"""Called with a tenant and pairs of station and request id, when the last parts of these reports have arrived."""


async def _nobody_waits(work: UnitOfWork, tenant_id: str, reports: Collection[tuple[str, int]]) -> None:
    return None


class ReportHandlers:
    """Handles reports of stations about their device model (B07, B08)."""

    def __init__(self, services: Services, arrived: OnArrived = _nobody_waits) -> None:
        self._clock = services.clock
        self._arrived = arrived

    @handles(ocpp.NotifyReportRequest, batched=True)
    async def notify_reports(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.NotifyReportRequest]]
    ) -> Sequence[ocpp.NotifyReportResponse]:
        """Store parts of reports, requested or not, in any order. A part that is resent has no effect."""
        now = self._clock()
        fresh = await store_parts(work, REPORT_KIND_DEVICE_MODEL, [_part(call) for call in calls])
        rows: list[dict[str, Any]] = []
        for call, is_fresh in zip(calls, fresh, strict=True):
            if is_fresh:
                rows.extend(reported_rows(call, now))
        await VariableRepository(work.session).put_reported(rows)
        tenant_id = calls[0].tenant_id
        reports = {(call.station_id, call.message.request_id) for call, new in zip(calls, fresh, strict=True) if new}
        if reports:
            runs = await ReportRepository(work.session).find_runs(tenant_id, REPORT_KIND_DEVICE_MODEL, reports)
            for run in runs.values():
                await _forget_unreported(work, run)
        ended = {(call.station_id, call.message.request_id) for call in calls if not call.message.tbc}
        if ended:
            await self._arrived(work, tenant_id, ended)
        return [ocpp.NotifyReportResponse()] * len(calls)

    @handles_answer(ocpp.GetBaseReportResponse)
    async def base_report_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.GetBaseReportRequest, ocpp.GetBaseReportResponse]
    ) -> None:
        """Expect the report that a station agreed to send (B07.FR.01)."""
        full = answered.request.report_base == ocpp.REPORT_BASE_ENUM_FULL_INVENTORY
        await _answered(work, answered, is_whole=full)
        if full and answered.response.status != GENERIC_DEVICE_MODEL_STATUS_ENUM_REJECTED:
            # A station that can't send a report at this time (B07.FR.13) is asked again.
            await RegistrationRepository(work.session).inventory_settled(answered.tenant_id, answered.station_id)

    @handles_answer(ocpp.GetReportResponse)
    async def report_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.GetReportRequest, ocpp.GetReportResponse]
    ) -> None:
        """Expect the report that a station agreed to send (B08.FR.01)."""
        await _answered(work, answered)

    @handles_failure(ocpp.GetBaseReportRequest)
    async def base_report_failed(self, work: UnitOfWork, failed: Failed[ocpp.GetBaseReportRequest]) -> None:
        """Expect no report, as the request failed."""
        await report_failed(work, failed, REPORT_KIND_DEVICE_MODEL, failed.request.request_id)
        if failed.for_good:
            await RegistrationRepository(work.session).inventory_settled(failed.tenant_id, failed.station_id)

    @handles_failure(ocpp.GetReportRequest)
    async def report_failed(self, work: UnitOfWork, failed: Failed[ocpp.GetReportRequest]) -> None:
        """Expect no report, as the request failed."""
        await report_failed(work, failed, REPORT_KIND_DEVICE_MODEL, failed.request.request_id)


async def _answered(work: UnitOfWork, answered: Answered[Any, Any], *, is_whole: bool = False) -> None:
    accepted = answered.response.status == GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED
    status = encode(answered.response)["status"]
    run = await report_answered(
        work,
        answered,
        REPORT_KIND_DEVICE_MODEL,
        answered.request.request_id,
        accepted,
        status,
        is_whole=is_whole,
    )
    if run is not None:
        # Some stations send the report before they answer the request.
        await _forget_unreported(work, run)


async def _forget_unreported(work: UnitOfWork, run: ReportRun) -> None:
    """Remove variables that a station no longer has, after its full inventory arrived without a gap (B07.FR.08).

    Variables that were reported since the inventory was requested are preserved, and so is a variable of which the
    inventory contains any attribute.
    """
    if not run.is_whole or run.state != REPORT_STATE_COMPLETE:
        return
    variables = VariableRepository(work.session)
    older = await variables.find_older(run.tenant_id, run.station_id, run.create_time)
    if not older:
        return
    # The times alone are not sufficient: the clocks of two cores may differ by more than a report takes.
    reported = {
        (key.name_key, key.evse_id, key.connector_id)
        for message in await ReportRepository(work.session).messages_of(run)
        for data in ocpp.NotifyReportRequest.FromString(message or b"").report_data
        for key in [key_of(data.component, data.variable, ocpp.ATTRIBUTE_ENUM_ACTUAL)]
    }
    await variables.remove(run.tenant_id, run.station_id, [one for one in older if one not in reported])


def _part(call: Call[ocpp.NotifyReportRequest]) -> Part:
    message = call.message
    return Part(
        tenant_id=call.tenant_id,
        station_id=call.station_id,
        request_id=message.request_id,
        seq_no=message.seq_no,
        is_last=not message.tbc,
        items=len(message.report_data),
        message=_masked(message),
        receive_time=call.receive_time,
    )


def _masked(message: ocpp.NotifyReportRequest) -> ocpp.NotifyReportRequest:
    """Return the part without secret values, which a station should not have sent."""
    secret = [position for position, data in enumerate(message.report_data) if _reveals_secret(data)]
    if not secret:
        return message
    masked = ocpp.NotifyReportRequest()
    masked.CopyFrom(message)
    for position in secret:
        data = masked.report_data[position]
        for attribute in data.variable_attribute:
            if attribute.HasField("value") and _is_secret(data, attribute):
                attribute.value = MASK
    return masked


def _reveals_secret(data: ocpp.ReportData) -> bool:
    return any(attribute.HasField("value") and _is_secret(data, attribute) for attribute in data.variable_attribute)


def _is_secret(data: ocpp.ReportData, attribute: ocpp.VariableAttribute) -> bool:
    return attribute.mutability == ocpp.MUTABILITY_ENUM_WRITE_ONLY or data.variable.name.lower() in SECRET_VARIABLES
