"""Tables of the operations."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Operation", "OperationStation"]


class Operation(Model):
    """One action on many stations."""

    __tablename__ = "operations"
    __table_args__ = (
        Index(None, "tenant_id", "create_time", "operation_id"),
        Index(None, "tenant_id", "state", "create_time", "operation_id"),
        Index("ix_operations_action", "tenant_id", "action", "create_time", "operation_id"),
        Index("ix_operations_requested_by", "tenant_id", "created_by", "create_time", "operation_id"),
        Index("ix_operations_changed", "tenant_id", "update_time", "operation_id"),
        Index(None, "state"),
        Index(None, "finish_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    operation_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.OperationState"""
    state_reason: Mapped[str] = mapped_column(String(255), default="")
    """Why it is in its state, for people."""
    definition: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Operation as it was requested, with defaults; secrets are masked."""
    summary: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The same without the content of its action and the stations that it names, for lists. None: an older core stored
    it."""
    secret_action: Mapped[str | None] = mapped_column(Text)
    """Its serialised action in base64, encrypted, if that differs from the shown one. Deleted once it has ended."""
    waits: Mapped[bool]
    """Whether it waits for stations that are not connected."""
    max_parallel: Mapped[int] = mapped_column(Integer)
    expire_time: Mapped[datetime]
    station_count: Mapped[int] = mapped_column(Integer)
    """How many stations it has, in whatever state."""
    final_counts: Mapped[str | None] = mapped_column(Text)
    """Number of its stations by state once it has ended, JSON: a list of operations counts none of them again."""
    action: Mapped[str | None] = mapped_column(String(50))
    """Name of the field of citrine.api.v1.OperationAction. None: an older core stored it after the upgrade."""
    created_by: Mapped[str] = mapped_column(String(255))
    caller_id: Mapped[str] = mapped_column(String(255))
    """Id of the credential of the one who created it, as the audit has it."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]


class OperationStation(Model):
    """One station of an operation."""

    __tablename__ = "operation_stations"
    __table_args__ = (
        # Those in a state are found in the order of their ids, without reading the others.
        Index(None, "tenant_id", "operation_id", "state", "station_id"),
        Index(None, "tenant_id", "station_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    operation_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.OperationResultState"""
    status: Mapped[str] = mapped_column(String(50))
    """What the station answered, in OCPP's spelling. Empty: nothing yet, or no status."""
    reason: Mapped[str] = mapped_column(String(255))
    command_id: Mapped[str | None] = mapped_column(String(36))
    """Id that its first command has, or will have. None: none is wanted now."""
    attempts: Mapped[int] = mapped_column(Integer)
    """How often it was claimed. What is reported of an earlier claim does not count any more."""
    next_time: Mapped[datetime | None]
    """Earliest time of the next claim."""
    claim_time: Mapped[datetime | None]
    """When a core claimed it."""
    alive_time: Mapped[datetime | None]
    """When that core last said that it is at it."""
    update_time: Mapped[datetime]
