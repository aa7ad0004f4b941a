"""Handlers of LogStatusNotification, and of the answers of stations to GetLog."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine_core.blocks.diagnostics.repository import LogRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.resources.reports import (
    Part,
    ReportKind,
    ReportState,
    end_run,
    report_answered,
    report_failed,
    store_parts,
)

__all__ = ["LogHandlers"]

_LOG = ReportKind.REPORT_KIND_LOG

_ACCEPTED = (ocpp.LOG_STATUS_ENUM_ACCEPTED, ocpp.LOG_STATUS_ENUM_ACCEPTED_CANCELED)

_IDLE = ocpp.UPLOAD_LOG_STATUS_ENUM_IDLE

_UPLOADED = ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOADED

_GOES_ON = (ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOADING, ocpp.UPLOAD_LOG_STATUS_ENUM_IDLE)
"""Statuses that other ones follow."""

CANCELED = "AcceptedCanceled"
"""Status of an upload that the station cancelled for another one (N01.FR.12)."""


class LogHandlers:
    """Handles messages and answers of stations about uploads of logs (N01)."""

    @handles_answer(ocpp.GetLogResponse)
    async def log_answered(self, work: UnitOfWork, answered: Answered[ocpp.GetLogRequest, ocpp.GetLogResponse]) -> None:
        """Expect the upload that a station accepted, and end those that it cancelled for it (N01.FR.12)."""
        request, response = answered.request, answered.response
        logs, key = LogRepository(work.session), (answered.tenant_id, answered.station_id)
        if response.status == ocpp.LOG_STATUS_ENUM_ACCEPTED_CANCELED:
            for request_id in await logs.unfinished(*key):
                if request_id != request.request_id:
                    failed, time = ReportState.REPORT_STATE_FAILED, answered.receive_time
                    problem = f"cancelled for the log of request {request.request_id}"
                    await end_run(work, *key, _LOG, request_id, failed, time, status=CANCELED, problem=problem)
        await logs.put(_row(*key, request, response.filename))
        accepted = response.status in _ACCEPTED
        status = spelling_of(ocpp.LogStatusEnum, response.status)
        await report_answered(work, answered, _LOG, request.request_id, accepted, status)

    @handles_failure(ocpp.GetLogRequest)
    async def log_failed(self, work: UnitOfWork, failed: Failed[ocpp.GetLogRequest]) -> None:
        """End the upload that could not be requested."""
        await LogRepository(work.session).put(_row(failed.tenant_id, failed.station_id, failed.request, ""))
        await report_failed(work, failed, _LOG, failed.request.request_id)

    @handles(ocpp.LogStatusNotificationRequest, batched=True)
    async def log_statuses(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.LogStatusNotificationRequest]]
    ) -> Sequence[ocpp.LogStatusNotificationResponse]:
        """Store the statuses of uploads (N01.FR.08 to N01.FR.10)."""
        for call in calls:
            # Not all versions say of which upload a status is: it is of the latest that has not ended.
            if not call.message.HasField("request_id") and call.message.status != _IDLE:
                unfinished = await LogRepository(work.session).unfinished(call.tenant_id, call.station_id)
                if unfinished:
                    call.message.request_id = unfinished[-1]
        await store_parts(work, _LOG, [_part(call) for call in calls if call.message.HasField("request_id")])
        for call in calls:
            # N01.FR.13: without a request id no upload is in progress, so that the end of an expected one was lost.
            if not call.message.HasField("request_id"):
                await _end_unfinished(work, call)
        return [ocpp.LogStatusNotificationResponse()] * len(calls)


def _part(call: Call[ocpp.LogStatusNotificationRequest]) -> Part:
    message = call.message
    status = spelling_of(ocpp.UploadLogStatusEnum, message.status)
    is_last = message.status not in _GOES_ON
    failed = is_last and message.status != _UPLOADED
    return Part(
        call.tenant_id,
        call.station_id,
        message.request_id,
        None,
        is_last,
        1,
        message,
        call.receive_time,
        status=status,
        failed=failed,
        problem=(message.status_info.additional_info or "the station could not upload it") if failed else "",
    )


async def _end_unfinished(work: UnitOfWork, call: Call[ocpp.LogStatusNotificationRequest]) -> None:
    key = (call.tenant_id, call.station_id)
    for request_id in await LogRepository(work.session).unfinished(*key):
        expired = ReportState.REPORT_STATE_EXPIRED
        problem = "the station reports that no upload is in progress"
        await end_run(work, *key, _LOG, request_id, expired, call.receive_time, status="Idle", problem=problem)


def _row(tenant_id: str, station_id: str, request: ocpp.GetLogRequest, filename: str) -> dict[str, Any]:
    log = request.log
    return {
        "tenant_id": tenant_id,
        "station_id": station_id,
        "request_id": request.request_id,
        "log_type": request.log_type,
        "remote_location": log.remote_location,
        "filename": filename,
        "oldest_time": log.oldest_timestamp.ToDatetime(UTC) if log.HasField("oldest_timestamp") else None,
        "latest_time": log.latest_timestamp.ToDatetime(UTC) if log.HasField("latest_timestamp") else None,
    }
