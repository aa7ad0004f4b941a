"""The table of commands."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["CommandRow"]

_NOT_ANSWERED = text("state <> 3")
_UNFINISHED = text("finish_time IS NULL")


class CommandRow(Model):
    """One CSMS-initiated message, with its state.

    On PostgreSQL the table is partitioned by month of command_id, which begins with the time.
    """

    __tablename__ = "commands"
    __table_args__ = (
        Index(None, "tenant_id", "station_id", "command_id"),
        # Jobs that look for unfinished commands find little, however many commands there were.
        PartialIndex("ix_commands_waiting", "tenant_id", "station_id", where=_UNFINISHED),
        PartialIndex("ix_commands_expiring", "expire_time", where=_UNFINISHED),
        PartialIndex("ix_commands_under_way", "deadline_time", where=_UNFINISHED),
        Index(None, "finish_time"),
        Index(None, "tenant_id", "action", "command_id"),
        Index(None, "tenant_id", "requested_by", "command_id"),
        # Most commands are answered: the latest of those are found without it.
        PartialIndex("ix_commands_not_answered", "tenant_id", "state", "command_id", where=_NOT_ANSWERED),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    command_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """A UUID of version 7: later commands have greater ids."""
    station_id: Mapped[str] = mapped_column(String(48))
    action: Mapped[str] = mapped_column(String(50))
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.CommandState"""
    is_native: Mapped[bool]
    """True: the payload is in the station's own OCPP version."""
    secret_payload: Mapped[str | None] = mapped_column(Text)
    """JSON to send, encrypted, if it differs from `payload` and waits for the station. Deleted once it is sent."""
    payload: Mapped[str] = mapped_column(Text)
    """JSON in OCPP spelling, secrets masked."""
    response: Mapped[str | None] = mapped_column(Text)
    """The station's answer, JSON in OCPP spelling."""
    error_code: Mapped[str] = mapped_column(String(100), default="")
    error_description: Mapped[str] = mapped_column(Text, default="")
    requested_by: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(String(255), default="")
    timeout: Mapped[int] = mapped_column(Integer)
    """Milliseconds that the station has to answer."""
    when_online: Mapped[bool]
    """True: it waits for a station that is not connected."""
    core_id: Mapped[str | None] = mapped_column(String(36))
    """Id of the core that sends it. None: it waits for the station."""
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    """Epoch of the session that it is sent to."""
    create_time: Mapped[datetime]
    deadline_time: Mapped[datetime | None]
    """When its core must have finished it; after that, the core counts as gone."""
    send_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]
    expire_time: Mapped[datetime | None]
    """With when_online: time after which it must not be sent."""
    cancel_time: Mapped[datetime | None]
    """When CancelCommand was called for it. None: it was not; its core may have withdrawn it by itself."""
    traceparent: Mapped[str | None] = mapped_column(String(55))
    """Trace of the request for it."""
