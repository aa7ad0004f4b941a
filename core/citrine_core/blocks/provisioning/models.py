"""Tables of functional block B."""

from datetime import datetime

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["ReportedVariable"]


class ReportedVariable(Model):
    """One attribute of one variable of a station's device model, as the station reported it.

    Keys have no NULLs: an absent instance is "", an absent EVSE or connector is -1.
    """

    __tablename__ = "variables"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    name_key: Mapped[str] = mapped_column(String(203), primary_key=True)
    """Names of component and variable with their instances in lower case, a line each: OCPP compares without case."""
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    connector_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    attribute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """citrine.ocpp.v2.AttributeEnum"""
    component: Mapped[str] = mapped_column(String(50))
    """In the spelling of the station, as are the following columns."""
    component_instance: Mapped[str] = mapped_column(String(50))
    variable: Mapped[str] = mapped_column(String(50))
    variable_instance: Mapped[str] = mapped_column(String(50))
    value: Mapped[str | None] = mapped_column(String(2500))
    """None: not known, or not stored because the attribute is write-only."""
    mutability: Mapped[int | None] = mapped_column(Integer)
    """citrine.ocpp.v2.MutabilityEnum. None: never reported."""
    persistent: Mapped[bool | None]
    constant: Mapped[bool | None]
    characteristics: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.VariableCharacteristics. None: never reported."""
    update_time: Mapped[datetime]
