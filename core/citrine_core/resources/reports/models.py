"""Tables of the reports."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["ReportPart", "ReportRun"]


class ReportRun(Model):
    """A request that a station answers in several messages, and the progress of its parts."""

    __tablename__ = "report_runs"
    __table_args__ = (
        Index(None, "tenant_id", "station_id", "create_time", "request_id"),
        Index(None, "tenant_id", "create_time"),
        Index("ix_report_runs_kind", "tenant_id", "kind", "create_time"),
        Index("ix_report_runs_state", "tenant_id", "state", "create_time"),
        Index(None, "state", "active_time"),
        PartialIndex("ix_report_runs_open", "active_time", where=text("finish_time IS NULL")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    kind: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """citrine.api.v1.ReportKind"""
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.ReportState"""
    status: Mapped[str] = mapped_column(String(50), default="")
    """Status of the station's answer to the request, of a log its latest one. Empty: none yet."""
    problem: Mapped[str] = mapped_column(String(255), default="")
    """What went wrong. Empty: nothing did."""
    command_id: Mapped[str | None] = mapped_column(String(36))
    """Id of the command that requested it. None: none, or it has not ended."""
    create_time: Mapped[datetime]
    """When it was created."""
    request_time: Mapped[datetime | None]
    """When it was requested, or when the station agreed to send it. None: no request is known."""
    answer_time: Mapped[datetime | None]
    """When the station answered the request."""
    start_time: Mapped[datetime | None]
    """When the first part arrived."""
    update_time: Mapped[datetime | None]
    """When the latest part arrived."""
    finish_time: Mapped[datetime | None]
    """When it ended. None: more is expected."""
    active_time: Mapped[datetime]
    """Time of its last activity; while it waits for an answer, the time at which the answer is due."""
    parts: Mapped[int] = mapped_column(Integer, default=0)
    """Number of distinct parts that arrived."""
    items: Mapped[int] = mapped_column(Integer, default=0)
    """Number of variables, monitors or the like in them."""
    last_seq_no: Mapped[int | None] = mapped_column(Integer)
    """Number of the part that said it is the last. None: it has not arrived."""
    is_whole: Mapped[bool] = mapped_column(default=False, server_default=false())
    """True: it is exhaustive for its kind, so that anything that it does not contain no longer exists."""

    refused_parts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Number of parts that were refused: without them it can't be complete."""

    @property
    def is_complete(self) -> bool:
        """Whether the last part arrived, and all before it (parts are numbered from 0, B07.FR.10)."""
        return self.last_seq_no is not None and self.parts == self.last_seq_no + 1


class ReportPart(Model):
    """A message of a report that arrived."""

    __tablename__ = "report_parts"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    kind: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """citrine.api.v1.ReportKind"""
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    content_key: Mapped[str] = mapped_column(String(32))
    """Key of the content, which distinguishes a resent part from another one with the same number."""
    items: Mapped[int] = mapped_column(Integer)
    is_last: Mapped[bool]
    receive_time: Mapped[datetime]
    """When the edge last read it."""
    message: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """Serialised message of citrine.ocpp.v2, secrets masked. None: received before messages were stored."""
