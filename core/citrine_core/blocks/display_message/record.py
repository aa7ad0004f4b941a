"""The record of display messages: every change of a state is made and published here."""

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


_SET = DisplayMessageState.DISPLAY_MESSAGE_STATE_SET
_ALWAYS_FRONT = MessagePriorityEnum.MESSAGE_PRIORITY_ENUM_ALWAYS_FRONT


def new_row(tenant_id: str, station_id: str, message: MessageInfo, state: int, now: datetime) -> DisplayMessage:
    """Return the row of a new message with its first state."""
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
    """Set the columns of a row from a message."""
    row.message = message.SerializeToString(deterministic=True)
    row.priority = message.priority
    row.shown_in = message.state if message.HasField("state") else None
    row.transaction_id = message.transaction_id
    row.end_time = message.end_date_time.ToDatetime(UTC) if message.HasField("end_date_time") else None


def enter(work: UnitOfWork, row: DisplayMessage) -> None:
    """Store a new message, and publish it."""
    row.detail = row.detail[:LONGEST_DETAIL]
    DisplayMessageRepository(work.session).add(row)
    work.emit(_changed(row))


def change(
    work: UnitOfWork, row: DisplayMessage, state: int, *, time: datetime, now: datetime, detail: str = ""
) -> None:
    """Change the state of a message, and publish the change. A message in that state already is not changed.

    Args:
        work: The unit of work in which the message was locked.
        row: The message.
        state: Its new state.
        time: When the new state began.
        now: The current time.
        detail: The reason, for people.
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
    """Record that a message replaces others of its station.

    It replaces one with the same id (O06.FR.01), and if its priority is AlwaysFront, another one with that priority
    (O01.FR.16).

    Args:
        work: The unit of work in which the messages were locked.
        rows: The messages that the station has, or may have, without the new one.
        by: The new message.
        time: When the station accepted it.
        now: The current time.
    """
    for row in rows:
        same = row.message_id == by.id and (row.state == _SET or row.is_doubtful)
        in_front = row.state == _SET and row.priority == by.priority == _ALWAYS_FRONT
        if same or in_front:
            replaced = DisplayMessageState.DISPLAY_MESSAGE_STATE_REPLACED
            change(work, row, replaced, time=time, now=now, detail="" if same else f"by message {by.id}")
    # Flushed before the new one is set, because the database allows one set message of an id.
    await DisplayMessageRepository(work.session).flush()


def _changed(row: DisplayMessage) -> Event:
    changed = DisplayMessageChanged(
        message_id=row.message_id,
        state=DisplayMessageState.ValueType(row.state),
        transaction_id=row.transaction_id,
        detail=row.detail,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, display_message_changed=changed)
