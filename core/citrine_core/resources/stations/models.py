"""Tables of the charging stations."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["ClientCertificate", "HandshakeRefusal", "Station", "StationGroup", "StationLabel", "StationSighting"]


class Station(Model):
    """A charging station that may connect."""

    __tablename__ = "stations"
    __table_args__ = (
        PartialIndex(
            "ix_stations_inventory_due",
            "inventory_due_time",
            where=text("inventory_due_time IS NOT NULL"),
        ),
        PartialIndex(
            "ix_stations_location", "tenant_id", "location_id", "station_id", where=text("location_id IS NOT NULL")
        ),
        PartialIndex("ix_stations_disabled", "tenant_id", "station_id", where=text("NOT enabled")),
        PartialIndex("ix_stations_held", "tenant_id", "station_id", where=text("held_time IS NOT NULL")),
        PartialIndex("ix_stations_never_booted", "tenant_id", "station_id", where=text("boot_time IS NULL")),
        Index(None, "tenant_id", "registration", "station_id"),
        Index(None, "tenant_id", "vendor_name", "station_id"),
        Index(None, "tenant_id", "model", "station_id"),
        Index(None, "tenant_id", "firmware_version", "station_id"),
        Index("ix_stations_changed", "tenant_id", "update_time", "station_id"),
        Index("ix_stations_vendor_and_model", "tenant_id", "vendor_name", "model", "station_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), ForeignKey("tenants.tenant_id"), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    description: Mapped[str] = mapped_column(String(255), default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    """Hash of its password, whose form says how it was made. None: it has no password."""
    next_password_hash: Mapped[str | None] = mapped_column(Text)
    """Hashes of passwords that were sent to the station, valid beside the old one until one is used: see candidates."""
    credential_version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases whenever a password changes; cached logins of an older version are invalid."""
    allow_no_password: Mapped[bool] = mapped_column(default=False)
    boot_policy: Mapped[int] = mapped_column(Integer, default=1)
    """citrine.api.v1.BootPolicy"""
    boot_interval: Mapped[int | None] = mapped_column(Integer)
    """Seconds. None: the setting of the core."""
    configuration_id: Mapped[str | None] = mapped_column(String(50))
    """Id of the configuration that an operator chose. None: the selectors of configurations decide."""
    held_time: Mapped[datetime | None]
    """When it was held as an unknown station. None: an operator registered or accepted it."""
    registration: Mapped[int | None] = mapped_column(Integer)
    """citrine.ocpp.v2.RegistrationStatusEnum of the last BootNotification. None: it never booted."""
    hardware: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.ChargingStation of the last BootNotification."""
    vendor_name: Mapped[str | None] = mapped_column(String(50))
    """With model and firmware_version: of `hardware`, to look for. None: it never booted."""
    model: Mapped[str | None] = mapped_column(String(20))
    firmware_version: Mapped[str | None] = mapped_column(String(50))
    boot_reason: Mapped[int | None] = mapped_column(Integer)
    """citrine.ocpp.v2.BootReasonEnum of the last BootNotification."""
    boot_time: Mapped[datetime | None]
    inventory_due_time: Mapped[datetime | None]
    """When to request its full inventory (B07.FR.14). None: there is no reason to."""
    inventory_attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How often the inventory was requested since the reason arose."""
    clock_skew_ms: Mapped[int | None] = mapped_column(BigInteger)
    """How far its clock was ahead of ours. None: not measured."""
    clock_skew_time: Mapped[datetime | None]
    """When clock_skew_ms last changed."""
    clock_is_off: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether clock_skew_ms is above the tolerance."""
    security_profile: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Highest one that it connected with. 0: none was recorded yet."""
    certificate_name: Mapped[str | None] = mapped_column(String(64))
    """What its certificate names it where that is not its id. None: its id."""
    certificate_sha256: Mapped[str | None] = mapped_column(String(64))
    """Fingerprint of a certificate that is accepted whatever it names, hexadecimal. None: there is none."""
    allowed_versions: Mapped[str | None] = mapped_column(String(100))
    """Versions of OCPP that it may connect with, separated by blanks. None: all."""
    accept_expired_certificate: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it may connect with an expired certificate, to order another one."""
    location_id: Mapped[str | None] = mapped_column(String(36))
    """Location that it stands at. None: none."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00'"))
    """When any of what the API shows of this row, or a label or group, last changed."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases with each change by an operator; the etag."""


class StationLabel(Model):
    """A label of a station."""

    __tablename__ = "station_labels"
    __table_args__ = (Index(None, "tenant_id", "label_key", "label_value", "station_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    label_key: Mapped[str] = mapped_column(String(63), primary_key=True)
    label_value: Mapped[str] = mapped_column(String(255))


class StationGroup(Model):
    """A station in a group."""

    __tablename__ = "station_groups"
    __table_args__ = (Index(None, "tenant_id", "group_name", "station_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    group_name: Mapped[str] = mapped_column(String(63), primary_key=True)


class ClientCertificate(Model):
    """A certificate that a station connected with. The key is that of all tenants: no other station may use it."""

    __tablename__ = "client_certificates"
    __table_args__ = (Index(None, "tenant_id", "station_id"),)

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Fingerprint, hexadecimal."""
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    subject: Mapped[str] = mapped_column(String(500))
    issuer: Mapped[str] = mapped_column(String(500))
    serial_number: Mapped[str] = mapped_column(String(64))
    """Hexadecimal."""
    expire_time: Mapped[datetime]
    first_use_time: Mapped[datetime]
    revoke_time: Mapped[datetime | None]
    """When it was revoked. None: it is not."""


class StationSighting(Model):
    """When the last message of a station came, to the minute.

    A table of its own: every station is seen again and again, and its own row is wide and locked by each admission.
    """

    __tablename__ = "station_sightings"
    __table_args__ = (Index("ix_station_sightings_last_seen", "tenant_id", "last_seen_time", "station_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    last_seen_time: Mapped[datetime]


class HandshakeRefusal(Model):
    """Refused attempts to connect as a station; a station with the id need not exist."""

    __tablename__ = "handshake_refusals"
    __table_args__ = (Index(None, "tenant_id", "last_time"), Index(None, "last_time"))

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    unknown_tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Tenant in the URL, if it does not exist. Empty: the tenant is tenant_id."""
    source: Mapped[str] = mapped_column(String(45), primary_key=True, default="")
    """Host of a TLS handshake that failed, before it said for which station: station_id is empty. Empty: it said."""
    reason: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.HandshakeRefusal.Reason of the last attempt."""
    remote_address: Mapped[str] = mapped_column(String(100))
    offered: Mapped[str] = mapped_column(String(100))
    """Subprotocols that the last attempt offered, if none of them is supported."""
    detail: Mapped[str] = mapped_column(String(100), default="")
    """What TLS says of the last attempt."""
    attempts: Mapped[int] = mapped_column(BigInteger)
    """Number of attempts since the station last connected."""
    first_time: Mapped[datetime]
    last_time: Mapped[datetime]
