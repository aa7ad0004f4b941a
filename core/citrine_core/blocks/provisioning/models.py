"""Tables of functional block B."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["ReportPart", "ReportRun", "ReportedVariable"]


class ReportedVariable(Model):
    """One attribute of one variable of a station's device model, as the station told it.

    Keys have no NULLs: an instance that is not said is "", an EVSE or connector that is not said is -1.
    """

    __tablename__ = "variables"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    component: Mapped[str] = mapped_column(String(50), primary_key=True)
    component_instance: Mapped[str] = mapped_column(String(50), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    connector_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    variable: Mapped[str] = mapped_column(String(50), primary_key=True)
    variable_instance: Mapped[str] = mapped_column(String(50), primary_key=True)
    attribute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """citrine.ocpp.v2.AttributeEnum"""
    value: Mapped[str | None] = mapped_column(String(2500))
    """None: not known, or not to be known because it is write only."""
    mutability: Mapped[int | None] = mapped_column(Integer)
    """citrine.ocpp.v2.MutabilityEnum. None: never reported."""
    persistent: Mapped[bool | None]
    constant: Mapped[bool | None]
    characteristics: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.VariableCharacteristics. None: never reported."""
    update_time: Mapped[datetime]


class ReportRun(Model):
    """A report: what was asked for, and what arrived of it."""

    __tablename__ = "report_runs"
    __table_args__ = (Index(None, "tenant_id", "station_id", "create_time", "request_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    create_time: Mapped[datetime]
    """When we first heard of it."""
    request_time: Mapped[datetime | None]
    """When the station agreed to send it. None: nobody asked, as far as we know."""
    start_time: Mapped[datetime | None]
    """When the first part arrived."""
    update_time: Mapped[datetime | None]
    """When the latest part arrived."""
    parts: Mapped[int] = mapped_column(Integer)
    """How many different parts arrived."""
    variables: Mapped[int] = mapped_column(Integer)
    """How many variables these brought."""
    last_seq_no: Mapped[int | None] = mapped_column(Integer)
    """Number of the part that said it is the last. None: it has not arrived."""

    @property
    def is_complete(self) -> bool:
        """Whether the last part arrived, and all before it (parts are numbered from 0, B07.FR.10)."""
        return self.last_seq_no is not None and self.parts == self.last_seq_no + 1


class ReportPart(Model):
    """A part of a report that arrived."""

    __tablename__ = "report_parts"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    content_key: Mapped[str] = mapped_column(String(32))
    """What tells a part that comes again from another one of the same number."""
    variables: Mapped[int] = mapped_column(Integer)
    is_last: Mapped[bool]
    receive_time: Mapped[datetime]
    """When the edge last read it."""
