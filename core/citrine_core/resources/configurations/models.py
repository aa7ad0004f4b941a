"""Tables of the configurations: the settings that stations should have, and the progress of each station."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Configuration", "ConfigurationSelector", "Provisioning"]


class Configuration(Model):
    """A named set of settings that stations should have."""

    __tablename__ = "configurations"
    __table_args__ = (Index("ix_configurations_changed", "tenant_id", "update_time", "configuration_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), ForeignKey("tenants.tenant_id"), primary_key=True)
    configuration_id: Mapped[str] = mapped_column(String(50), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Configuration, without its id, times and etag."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases with each change; the etag."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class ConfigurationSelector(Model):
    """Selects the stations of a configuration, among those without a chosen one. Each selector is unique."""

    __tablename__ = "configuration_selectors"
    __table_args__ = (Index(None, "tenant_id", "configuration_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    vendor: Mapped[str] = mapped_column(String(50), primary_key=True)
    """In lower case. Empty: any vendor."""
    model: Mapped[str] = mapped_column(String(20), primary_key=True)
    """In lower case. Empty: any model."""
    location_id: Mapped[str] = mapped_column(String(36), primary_key=True, default="", server_default=text("''"))
    """Empty: anywhere."""
    station_group: Mapped[str] = mapped_column(String(63), primary_key=True, default="", server_default=text("''"))
    """Empty: any group, or none."""
    labels_digest: Mapped[str] = mapped_column(String(32), primary_key=True, default="", server_default=text("''"))
    """Of the labels. Empty: any, or none."""
    station_labels: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """Labels as `write_labels` of stations writes them."""
    configuration_id: Mapped[str] = mapped_column(String(50))


class Provisioning(Model):
    """The progress of a station with its configuration: the next step, or the result."""

    __tablename__ = "provisionings"
    __table_args__ = (
        Index(None, "next_time"),
        Index("ix_provisionings_state", "tenant_id", "state", "station_id"),
        Index("ix_provisionings_configuration", "tenant_id", "configuration_id", "station_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    configuration_id: Mapped[str] = mapped_column(String(50))
    """Id of the configuration. Empty: none, the station is only made to boot again."""
    digest: Mapped[str] = mapped_column(String(32))
    """Digest of the configuration and the hardware. If either changes, the configuration is applied again."""
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.ProvisioningState"""
    next_time: Mapped[datetime | None]
    """When the next step is due, or its retry. None: nothing is due."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Number of failures of this step."""
    report_request_id: Mapped[int | None] = mapped_column(Integer)
    """Request id of the base report that was requested."""
    may_reset: Mapped[bool] = mapped_column(default=True)
    """Whether the station may be reset if a variable takes effect only after a reboot."""
    everything: Mapped[bool] = mapped_column(default=False)
    """Whether to set values that the station already has, too."""
    problem: Mapped[str] = mapped_column(String(255), default="")
    """Why the station does not match its configuration, for people."""
    results: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """Serialised citrine.api.v1.Provisioning that contains only its results."""
    start_time: Mapped[datetime]
    update_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]
