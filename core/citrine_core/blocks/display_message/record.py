"""The core's record of display messages: every change of a state goes through here, and is told."""

from collections.abc import Iterable
from datetime import UTC, datetime

from citrine.api.v1.display_message_pb2 import DisplayMessageState
from citrine.events.v1.events_pb2 import DisplayMessageChanged, Event
from citrine.ocpp.v2.display_message_pb2 import MessageInfo, MessagePriorityEnum
from citrine_core.blocks.display_message.models import DisplayMessage
from citrine_core.blocks.display_message.repository import DisplayMessageRepository
from citrine_core.db import UnitOfWork
from citrine_core.resources.station_requests import LONGEST_DETAIL

__all__ = ["change", "enter", "fill", "new_row", "replace_set"]

_PREFIX = "DISPLAY_MESSAGE_STATE_"

_SET = DisplayMessageState.DISPLAY_MESSAGE_STATE_SET
_ALWAYS_FRONT = MessagePriorityEnum.MESSAGE_PRIORITY_ENUM_ALWAYS_FRONT


def new_row(tenant_id: str, station_id: str, message: MessageInfo, state: int, now: datetime) -> DisplayMessage:
    """Return the record of a message that begins in a state."""
    row = DisplayMessage(
        tenant_id=tenant_id,
        station_id=station_id,
        message_id=message.id,
        state=state,
        state_time=now,
        is_doubtful=False,
        detail="",
        create_time=now,
        update_time=now,
    )
    fill(row, message)
    return row


def fill(row: DisplayMessage, message: MessageInfo) -> None:
    """Write down what a message says."""
    row.message = message.SerializeToString(deterministic=True)
    row.priority = message.priority
    row.shown_in = message.state if message.HasField("state") else None
    row.transaction_id = message.transaction_id
    row.end_time = message.end_date_time.ToDatetime(UTC) if message.HasField("end_date_time") else None


def enter(work: UnitOfWork, row: DisplayMessage) -> None:
    """Store a new message and tell of it."""
    row.detail = row.detail[:LONGEST_DETAIL]
    DisplayMessageRepository(work.session).add(row)
    work.emit(_changed(row))


def change(
    work: UnitOfWork, row: DisplayMessage, state: int, *, time: datetime, now: datetime, detail: str = ""
) -> None:
    """Bring a message into another state and tell of it; it stays as it is where it is in that state.

    Args:
        work: In which the message was read, and locked.
        row: The message.
        state: Its new state.
        time: Since when.
        now: The time now.
        detail: Why, for people.
    """
    row.is_doubtful, row.awaited_request_id = False, None
    if row.state == state:
        return
    row.state, row.state_time, row.update_time = state, time, now
    row.detail = detail[:LONGEST_DETAIL]
    work.emit(_changed(row))


async def replace_set(
    work: UnitOfWork, rows: Iterable[DisplayMessage], by: MessageInfo, *, time: datetime, now: datetime
) -> None:
    """Let a message take the place of those that a station drops for it.

    That is one of the same id (O06.FR.01), and where it is always in front, another one that is (O01.FR.16).

    Args:
        work: In which the messages were read, and locked.
        rows: What the station holds, or may hold, beside the new one.
        by: The new one.
        time: When the station accepted it.
        now: The time now.
    """
    for row in rows:
        same = row.message_id == by.id and (row.state == _SET or row.is_doubtful)
        in_front = row.state == _SET and row.priority == by.priority == _ALWAYS_FRONT
        if same or in_front:
            replaced = DisplayMessageState.DISPLAY_MESSAGE_STATE_REPLACED
            change(work, row, replaced, time=time, now=now, detail="" if same else f"by message {by.id}")
    # Before the new one is set: a station holds one message of an id at any time.
    await DisplayMessageRepository(work.session).flush()


def _changed(row: DisplayMessage) -> Event:
    changed = DisplayMessageChanged(
        message_id=row.message_id,
        state=DisplayMessageState.Name(DisplayMessageState.ValueType(row.state)).removeprefix(_PREFIX),
        transaction_id=row.transaction_id,
        detail=row.detail,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, display_message_changed=changed)
