"""Handlers of NotifyDisplayMessages, and of the answers of stations to commands about display messages."""

from collections.abc import Sequence
from datetime import datetime

from citrine.api.v1.display_message_pb2 import DisplayMessageState
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine_core.blocks.display_message.models import DisplayMessage
from citrine_core.blocks.display_message.record import change, enter, fill, new_row, replace_set
from citrine_core.blocks.display_message.repository import DisplayMessageRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, Failed, handles, handles_answer, handles_failure
from citrine_core.resources.reports import Part, ReportKind, report_answered, report_failed, store_parts
from citrine_core.resources.reports.repository import ReportRepository
from citrine_core.services import Services

__all__ = ["DisplayMessageHandlers"]

_REQUESTED = DisplayMessageState.DISPLAY_MESSAGE_STATE_REQUESTED
_SET = DisplayMessageState.DISPLAY_MESSAGE_STATE_SET
_FAILED = DisplayMessageState.DISPLAY_MESSAGE_STATE_FAILED
_CLEARED = DisplayMessageState.DISPLAY_MESSAGE_STATE_CLEARED
_REMOVED = DisplayMessageState.DISPLAY_MESSAGE_STATE_REMOVED

_KIND = ReportKind.REPORT_KIND_DISPLAY_MESSAGES

_NOT_REPORTED = "the station did not report it"


class DisplayMessageHandlers:
    """Handles messages and answers of stations about display messages (functional block O)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles(ocpp.NotifyDisplayMessagesRequest, batched=True)
    async def notify_display_messages(
        self, work: UnitOfWork, calls: Sequence[Call[ocpp.NotifyDisplayMessagesRequest]]
    ) -> Sequence[ocpp.NotifyDisplayMessagesResponse]:
        """Update the record from parts of reports, requested or not (O03, O04)."""
        now, tenant_id = self._clock(), calls[0].tenant_id
        fresh = await store_parts(work, _KIND, [_part(call) for call in calls])
        live = await DisplayMessageRepository(work.session).find_live_for_update(
            tenant_id, {call.station_id for call in calls}
        )
        for call, is_fresh in zip(calls, fresh, strict=True):
            if not is_fresh:
                continue
            for message in call.message.message_info:
                _apply_report(work, live[call.station_id], call, message, now)
            if not call.message.tbc:
                for row in live[call.station_id]:
                    if row.awaited_request_id == call.message.request_id:
                        _apply_absence(work, row, call.receive_time, now)
        return [ocpp.NotifyDisplayMessagesResponse()] * len(calls)

    @handles_answer(ocpp.GetDisplayMessagesResponse)
    async def get_display_messages_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.GetDisplayMessagesRequest, ocpp.GetDisplayMessagesResponse]
    ) -> None:
        """Expect the report that a station accepted to send, or record that it has no requested message."""
        request, time, now = answered.request, answered.receive_time, self._clock()
        accepted = (
            answered.response.status == ocpp.GetDisplayMessagesStatusEnum.GET_DISPLAY_MESSAGES_STATUS_ENUM_ACCEPTED
        )
        await report_answered(
            work, answered, _KIND, request.request_id, accepted, "Accepted" if accepted else "Unknown"
        )
        key = (answered.station_id, request.request_id)
        run = (await ReportRepository(work.session).find_runs(answered.tenant_id, _KIND, [key])).get(key)
        # Parts that the station sent after the answer may be handled before it.
        since = run.start_time if run is not None else None
        awaits = accepted and not (run is not None and run.is_complete)
        for row in await _live(work, answered.tenant_id, answered.station_id):
            if row.state_time > time or not _is_asked_for(row, request) or _is_reported(row, request, since):
                continue
            if awaits:
                row.awaited_request_id = request.request_id
            else:
                _apply_absence(work, row, time, now)

    @handles_failure(ocpp.GetDisplayMessagesRequest)
    async def get_display_messages_failed(
        self, work: UnitOfWork, failed: Failed[ocpp.GetDisplayMessagesRequest]
    ) -> None:
        """End the report that could not be requested."""
        await report_failed(work, failed, _KIND, failed.request.request_id)

    @handles_answer(ocpp.SetDisplayMessageResponse)
    async def set_display_message_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.SetDisplayMessageRequest, ocpp.SetDisplayMessageResponse]
    ) -> None:
        """Record whether a station accepted a message (O01, O02, O06)."""
        message, time, now = answered.request.message, answered.receive_time, self._clock()
        rows = await _live(work, answered.tenant_id, answered.station_id)
        row = _requested(rows, message.id)
        status = answered.response.status
        accepted = status == ocpp.DisplayMessageStatusEnum.DISPLAY_MESSAGE_STATUS_ENUM_ACCEPTED
        state = _SET if accepted else DisplayMessageState.DISPLAY_MESSAGE_STATE_REFUSED
        info = answered.response.status_info
        detail = f"{info.reason_code} {info.additional_info}".strip()
        if accepted:
            await replace_set(work, [one for one in rows if one is not row], message, time=time, now=now)
        if row is None:
            # It was sent by CallStation, which records no display message.
            row = new_row(answered.tenant_id, answered.station_id, message, state, now)
            row.status, row.state_time, row.detail = status, time, detail
            enter(work, row)
            return
        row.status = status
        change(work, row, state, time=time, now=now, detail=detail)

    @handles_failure(ocpp.SetDisplayMessageRequest)
    async def set_display_message_failed(self, work: UnitOfWork, failed: Failed[ocpp.SetDisplayMessageRequest]) -> None:
        """Record that a message was not set, or that this is not known; a later report may correct it."""
        rows = await _live(work, failed.tenant_id, failed.station_id)
        row = _requested(rows, failed.request.message.id)
        if row is None:
            return
        state = _CLEARED if failed.withdrawn else _FAILED
        change(work, row, state, time=failed.time, now=self._clock(), detail=failed.text)
        row.is_doubtful = failed.may_have_arrived

    @handles_answer(ocpp.ClearDisplayMessageResponse)
    async def clear_display_message_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.ClearDisplayMessageRequest, ocpp.ClearDisplayMessageResponse]
    ) -> None:
        """Record that a station cleared a message (O05.FR.01), or has none with this id (O05.FR.02)."""
        status, time, now = answered.response.status, answered.receive_time, self._clock()
        for row in await _live(work, answered.tenant_id, answered.station_id):
            if row.message_id != answered.request.id or row.state == _REQUESTED:
                continue
            if status == ocpp.ClearMessageStatusEnum.CLEAR_MESSAGE_STATUS_ENUM_ACCEPTED:
                change(work, row, _CLEARED, time=time, now=now)
            elif status == ocpp.ClearMessageStatusEnum.CLEAR_MESSAGE_STATUS_ENUM_UNKNOWN:
                detail = "the station was asked to clear it, and has no such message"
                _apply_absence(work, row, time, now, detail)


async def _live(work: UnitOfWork, tenant_id: str, station_id: str) -> list[DisplayMessage]:
    return (await DisplayMessageRepository(work.session).find_live_for_update(tenant_id, [station_id]))[station_id]


def _requested(rows: Sequence[DisplayMessage], message_id: int) -> DisplayMessage | None:
    return next((row for row in rows if row.message_id == message_id and row.state == _REQUESTED), None)


def _part(call: Call[ocpp.NotifyDisplayMessagesRequest]) -> Part:
    message = call.message
    return Part(
        call.tenant_id,
        call.station_id,
        message.request_id,
        None,
        not message.tbc,
        len(message.message_info),
        message,
        call.receive_time,
    )


def _apply_report(
    work: UnitOfWork,
    rows: list[DisplayMessage],
    call: Call[ocpp.NotifyDisplayMessagesRequest],
    message: ocpp.MessageInfo,
    now: datetime,
) -> None:
    """Record that a station reported a message."""
    of_id = [row for row in rows if row.message_id == message.id]
    row = next((row for row in of_id if row.state == _SET), None)
    row = row or next((row for row in of_id if row.is_doubtful), None) or next(iter(of_id), None)
    if row is None:
        row = new_row(call.tenant_id, call.station_id, message, _SET, now)
        row.state_time = call.receive_time
        enter(work, row)
        rows.append(row)
    elif row.state != _REQUESTED:
        # The report prevails over the content that was sent.
        fill(row, message)
        change(work, row, _SET, time=call.receive_time, now=now)
    row.awaited_request_id, row.report_request_id = None, call.message.request_id
    row.report_time = row.update_time = call.receive_time


def _apply_absence(
    work: UnitOfWork, row: DisplayMessage, time: datetime, now: datetime, detail: str = _NOT_REPORTED
) -> None:
    """Record that a station does not have a message."""
    if row.state == _SET:
        change(work, row, _REMOVED, time=time, now=now, detail=detail)
    elif row.state != _REQUESTED:
        row.is_doubtful, row.awaited_request_id = False, None


def _is_asked_for(row: DisplayMessage, request: ocpp.GetDisplayMessagesRequest) -> bool:
    """Return whether a report must contain a message if the station has it."""
    if request.id and row.message_id not in request.id:
        return False
    if request.HasField("priority") and row.priority != request.priority:
        return False
    # OCPP does not define whether a report on one state contains messages that are shown in any state.
    return not request.HasField("state") or row.shown_in == request.state


def _is_reported(row: DisplayMessage, request: ocpp.GetDisplayMessagesRequest, since: datetime | None) -> bool:
    """Return whether the report that began at `since` has contained a message already."""
    is_of_report = row.report_time is not None and row.report_request_id == request.request_id
    return is_of_report and since is not None and row.report_time is not None and row.report_time >= since
