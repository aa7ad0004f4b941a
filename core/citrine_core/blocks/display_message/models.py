"""Tables of functional block O."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex
from citrine_core.resources.station_requests import StationRequest

__all__ = ["OF_TRANSACTION", "DisplayMessage"]

_SET = text("state = 2")

OF_TRANSACTION = text("state = 2 AND transaction_id <> ''")
"""Condition of a message that a station holds for a transaction."""


class DisplayMessage(StationRequest, Model):
    """One display message of a station, as it was set or reported, and its state.

    `state` is a citrine.api.v1.DisplayMessageState, `status` a citrine.ocpp.v2.DisplayMessageStatusEnum.
    """

    __tablename__ = "display_messages"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "message_id"),
        # A station has one message with an id; a second one replaces the first (O06.FR.01).
        PartialIndex(
            "uq_display_messages_set",
            "tenant_id",
            "station_id",
            "message_id",
            unique=True,
            where=_SET,
        ),
        Index(None, "tenant_id", "transaction_id"),
        Index("ix_display_messages_created", "tenant_id", "create_time", "id"),
        Index("ix_display_messages_station", "tenant_id", "station_id", "id"),
        Index("ix_display_messages_state", "tenant_id", "state", "id"),
        Index("ix_display_messages_priority", "tenant_id", "priority", "id"),
        Index("ix_display_messages_shown_in", "tenant_id", "shown_in", "id"),
        PartialIndex("ix_display_messages_of_transaction", "create_time", where=OF_TRANSACTION),
        # The job finds due messages quickly, whatever the number of stored ones.
        Index(None, "state", "end_time"),
    )

    message_id: Mapped[int] = mapped_column(Integer)
    """Id within the station."""
    priority: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.MessagePriorityEnum"""
    shown_in: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.MessageStateEnum of the station in which it is shown. None: in any."""
    transaction_id: Mapped[str] = mapped_column(String(36), default="")
    """Transaction that it is for. Empty: none."""
    end_time: Mapped[datetime | None]
    """endDateTime of the message. None: it has none."""
    message: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.MessageInfo."""
    is_doubtful: Mapped[bool] = mapped_column(default=False)
    """True: the station did not answer, and may have it."""
    awaited_request_id: Mapped[int | None] = mapped_column(Integer)
    """Request id of a report that should contain it, but has not yet. None: there is none."""
    report_request_id: Mapped[int | None] = mapped_column(Integer)
    """Request id of the report that last contained it. None: there is none."""
    report_time: Mapped[datetime | None]
    """When that part of the report was received."""
