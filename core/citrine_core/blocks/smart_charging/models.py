"""Tables of functional block K."""

from datetime import datetime

from sqlalchemy import Double, Index, Integer, LargeBinary, SmallInteger, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model, PartialIndex

__all__ = ["Capacity", "ExternalLimit", "Negotiation", "ProfileQuery", "ProfileRecord"]


class ProfileRecord(Model):
    """One charging profile that was set on a station, or found there."""

    __tablename__ = "charging_profiles"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "tenant_id", "station_id", "profile_id"),
        Index("ix_charging_profiles_created", "tenant_id", "create_time", "id"),
        Index("ix_charging_profiles_state", "tenant_id", "state", "id"),
        Index("ix_charging_profiles_transaction", "tenant_id", "transaction_id", "id"),
        # For profiles that expire or end with their transaction.
        Index(None, "state", "valid_to"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    profile_id: Mapped[int] = mapped_column(Integer)
    evse_id: Mapped[int] = mapped_column(Integer)
    purpose: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.ChargingProfilePurposeEnum"""
    stack_level: Mapped[int] = mapped_column(Integer)
    transaction_id: Mapped[str | None] = mapped_column(String(36))
    remote_start_id: Mapped[int | None] = mapped_column(Integer)
    """Id of the RequestStartTransaction that contained it, whose transaction may not be known yet."""
    valid_to: Mapped[datetime | None]
    profile: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.ChargingProfile."""
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ChargingProfileState"""
    reason: Mapped[str] = mapped_column(String(600), default="")
    found: Mapped[bool] = mapped_column(default=False)
    """True: the station reported it, and the CSMS did not set it."""
    planned: Mapped[bool] = mapped_column(default=False)
    """True: the planner made it. False: an operator set it, and plans must respect it."""
    throttles: Mapped[bool] = mapped_column(default=False, server_default=false())
    """True: its limit is 0, so that its transaction takes no power. No plan may raise it or depend on it."""
    uncertain: Mapped[bool] = mapped_column(default=False, server_default=false())
    """True for a failed profile that the station may have nevertheless."""
    cause: Mapped[str | None] = mapped_column(String(200))
    """Why the core set it by itself, for people."""
    source: Mapped[str] = mapped_column(String(20), default="CSO")
    """chargingLimitSource"""
    command_id: Mapped[str | None] = mapped_column(String(36))
    wanted_until: Mapped[datetime | None]
    """When its command must have ended; after that, no result is expected."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    """When it entered its state."""
    report_time: Mapped[datetime | None]
    """When the station last reported it."""
    report_id: Mapped[int | None] = mapped_column(Integer)
    """requestId of a report in progress that contained it."""


class ProfileQuery(Model):
    """A GetChargingProfiles whose report is in progress; once it is complete, it is compared with the record."""

    __tablename__ = "charging_profile_queries"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    request: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.GetChargingProfilesRequest. None: its answer was not handled yet."""
    ask_time: Mapped[datetime | None]
    """When the station's answer was received."""
    complete: Mapped[bool] = mapped_column(default=False)
    """True: the last part was received, or there is no report."""
    create_time: Mapped[datetime]


class ExternalLimit(Model):
    """A limit that an external system imposed on a station (K11 to K14)."""

    __tablename__ = "charging_limits"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index("ix_charging_limits_set", "tenant_id", "set_time", "id"),
        PartialIndex("ix_charging_limits_in_force", "tenant_id", "id", where=text("clear_time IS NULL")),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    evse_id: Mapped[int] = mapped_column(Integer)
    """0: the station, or not reported."""
    source: Mapped[str] = mapped_column(String(20))
    """chargingLimitSource"""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.NotifyChargingLimitRequest."""
    set_time: Mapped[datetime]
    clear_time: Mapped[datetime | None]
    """When it was cleared or replaced. None: it is in force."""


class Capacity(Model):
    """The most that a station or an EVSE may draw, as set by an operator."""

    __tablename__ = "charging_capacities"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """0: the station."""
    max_power_w: Mapped[float | None] = mapped_column(Double)
    max_current_a: Mapped[float | None] = mapped_column(Double)
    update_time: Mapped[datetime]


class Negotiation(Model):
    """One negotiation with a vehicle about its charging schedule (K15 to K17)."""

    __tablename__ = "charging_negotiations"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index("ix_charging_negotiations_created", "tenant_id", "create_time", "id"),
        Index("ix_charging_negotiations_transaction", "tenant_id", "transaction_id", "id"),
        # For schedules that are due.
        Index(None, "state", "due_time"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    evse_id: Mapped[int] = mapped_column(Integer)
    transaction_id: Mapped[str | None] = mapped_column(String(36))
    cause: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ChargingNegotiationCause"""
    needs: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.NotifyEVChargingNeedsRequest, the latest of the transaction. None: there is none."""
    needs_status: Mapped[int] = mapped_column(SmallInteger, default=0)
    """citrine.ocpp.v2.NotifyEVChargingNeedsStatusEnum"""
    needs_energy_wh: Mapped[float | None] = mapped_column(Double)
    """Energy of the transaction when the vehicle reported its needs."""
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ChargingNegotiationState"""
    reason: Mapped[str] = mapped_column(String(600), default="")
    profile_id: Mapped[int | None] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """How often a schedule was sent."""
    rounds: Mapped[int] = mapped_column(Integer, default=0)
    """Number of successive negotiations that began because the vehicle's schedule exceeded the limits."""
    due_time: Mapped[datetime]
    """When a core may send the schedule, or send it again because the lease of another core expired."""
    ev_schedule: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.NotifyEVChargingScheduleRequest."""
    ev_schedule_status: Mapped[int] = mapped_column(SmallInteger, default=0)
    """citrine.ocpp.v2.GenericStatusEnum"""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
