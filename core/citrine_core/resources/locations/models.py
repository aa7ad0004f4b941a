"""Tables of locations and of the EVSEs at them."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["Location", "LocationEvse"]


class Location(Model):
    """A site where stations stand."""

    __tablename__ = "locations"
    __table_args__ = (
        Index(None, "tenant_id", "country", "location_id"),
        Index(None, "tenant_id", "update_time", "location_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), ForeignKey("tenants.tenant_id"), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    publish: Mapped[bool] = mapped_column(Boolean)
    """Of content, as are the next two, which others ask for."""
    country: Mapped[str] = mapped_column(String(3))
    time_zone: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Location with the fields that an operator may change."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases with each change; the etag."""


class LocationEvse(Model):
    """An EVSE of a location. The row remains after it was removed, so that its uid is not used again."""

    __tablename__ = "location_evses"
    __table_args__ = (
        Index(None, "tenant_id", "location_id", "uid"),
        Index(None, "tenant_id", "station_id", "uid"),
        Index(None, "tenant_id", "update_time", "uid"),
        PartialIndex(
            "ix_location_evses_present",
            *("tenant_id", "station_id", "evse_id"),
            where=text("station_id IS NOT NULL AND remove_time IS NULL"),
            unique=True,
        ),
        PartialIndex(
            "ix_location_evses_public_id",
            *("tenant_id", "public_key"),
            where=text("public_key IS NOT NULL AND remove_time IS NULL"),
            unique=True,
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), ForeignKey("tenants.tenant_id"), primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str | None] = mapped_column(String(48))
    """None: it has no station yet."""
    evse_id: Mapped[int | None] = mapped_column(Integer)
    """Its number within the station. None: it has no station yet."""
    public_key: Mapped[str | None] = mapped_column(String(48))
    """Its public id, normalised. None: it has none."""
    content: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """Serialised citrine.api.v1.LocationEvse with what the operator says of it, without station and number."""
    remove_time: Mapped[datetime | None]
    """When it was removed. None: it was not."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases with each change by an operator; the etag."""
