"""Tables of the configurations: what stations should have set, and how far each of them is."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Configuration", "ConfigurationSelector", "Provisioning"]


class Configuration(Model):
    """What stations should have set, by the name that people gave it."""

    __tablename__ = "configurations"

    tenant_id: Mapped[str] = mapped_column(String(36), ForeignKey("tenants.tenant_id"), primary_key=True)
    configuration_id: Mapped[str] = mapped_column(String(50), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Configuration, without its id, times and etag."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Grows with each change; the etag."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class ConfigurationSelector(Model):
    """Which stations a configuration is for that have none of their own. No two are for the same."""

    __tablename__ = "configuration_selectors"
    __table_args__ = (Index(None, "tenant_id", "configuration_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    vendor: Mapped[str] = mapped_column(String(50), primary_key=True)
    """In lower case. Empty: of any vendor."""
    model: Mapped[str] = mapped_column(String(20), primary_key=True)
    """In lower case. Empty: any model."""
    configuration_id: Mapped[str] = mapped_column(String(50))


class Provisioning(Model):
    """How far a station is with its configuration: the step that is next, or how it ended."""

    __tablename__ = "provisionings"
    __table_args__ = (Index(None, "next_time"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    configuration_id: Mapped[str] = mapped_column(String(50))
    """Empty: none, the station is only to boot again."""
    digest: Mapped[str] = mapped_column(String(32))
    """Of the configuration and the hardware: where either is another, it is to be applied anew."""
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.ProvisioningState"""
    next_time: Mapped[datetime | None]
    """When the next step is due, or is to be repeated. None: nothing is due."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """How often this step failed."""
    report_request_id: Mapped[int | None] = mapped_column(Integer)
    """Of the base report that was asked for."""
    may_reset: Mapped[bool] = mapped_column(default=True)
    """Whether the station is reset where a variable counts after a reboot only."""
    everything: Mapped[bool] = mapped_column(default=False)
    """Whether what the station has already is set too."""
    problem: Mapped[str] = mapped_column(String(255), default="")
    """Why it is not as it should be, for people."""
    results: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """Serialised citrine.api.v1.Provisioning with its results alone."""
    start_time: Mapped[datetime]
    update_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]
