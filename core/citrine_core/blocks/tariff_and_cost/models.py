"""Tables of functional block I. Money is text, as exact on one database as on the other."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model, PartialIndex

__all__ = ["CostSettings", "ReservationCost", "StoredTariff", "TariffAssignment", "TariffVersion", "TransactionCost"]


class StoredTariff(Model):
    """A tariff: which of its versions is the current one."""

    __tablename__ = "tariffs"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tariff_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    create_time: Mapped[datetime]
    delete_time: Mapped[datetime | None]
    """Set: it is gone, but for the transactions that began under one of its versions."""


class TariffVersion(Model):
    """One version of a tariff, which never changes."""

    __tablename__ = "tariff_versions"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tariff_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    definition: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Tariff, as the operator wrote it."""
    create_time: Mapped[datetime]


class TariffAssignment(Model):
    """To whom, where and when a tariff applies. What is not restricted is "" or 0.

    One that ended stays: transactions that were heard of before go by it, whatever becomes known of them later.
    """

    __tablename__ = "tariff_assignments"
    __table_args__ = (
        UniqueConstraint("tenant_id", "assignment_id", name="uq_tariff_assignments_assignment_id"),
        Index("ix_tariff_assignments_subject", "tenant_id", "id_token_lookup", "group_id", "station_id"),
        Index("ix_tariff_assignments_tariff", "tenant_id", "tariff_id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    assignment_id: Mapped[str] = mapped_column(String(36))
    tariff_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    evse_id: Mapped[int] = mapped_column(Integer)
    group_id: Mapped[str] = mapped_column(String(255))
    id_token: Mapped[str] = mapped_column(String(255))
    """As the operator wrote it."""
    id_token_lookup: Mapped[str] = mapped_column(String(255))
    """What is the same for all spellings of it."""
    id_token_type: Mapped[str] = mapped_column(String(20))
    create_time: Mapped[datetime]
    from_time: Mapped[datetime | None]
    """From when on it holds. None: from create_time."""
    to_time: Mapped[datetime | None]
    """Until when it holds. None: without end."""


class TransactionCost(Model):
    """What a transaction costs, and the exact tariff that says so."""

    __tablename__ = "transaction_costs"
    __table_args__ = (
        Index("ix_transaction_costs_sequence", "tenant_id", "sequence"),
        PartialIndex(
            "ix_transaction_costs_due",
            "next_time",
            where=text("next_time IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    """Of the transaction."""
    subject: Mapped[str] = mapped_column(String(350))
    """EVSE, token and beginning that the tariff was found by."""
    tariff_id: Mapped[str | None] = mapped_column(String(36))
    """None: no tariff applies, and the cost is not known."""
    tariff_version: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.CostState"""
    before_tax: Mapped[str | None] = mapped_column(String(40))
    after_tax: Mapped[str | None] = mapped_column(String(40))
    accrual: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What the transaction took so far, as citrine_core.blocks.tariff_and_cost.accrual stores it."""
    breakdown: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Cost, once the transaction ended."""
    told_total: Mapped[str | None] = mapped_column(String(40))
    """Total after tax as the station was told last."""
    next_time: Mapped[datetime | None]
    """When the station is to be told the running cost. None: it is not."""
    update_time: Mapped[datetime]
    waits_for: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.CostWait, while it is provisional."""
    waits_until: Mapped[datetime | None]
    """When it becomes final without what it waits for."""
    settlement: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.Settlement, once it is final."""
    settle_time: Mapped[datetime | None]
    """When it became final."""
    station_currency: Mapped[str | None] = mapped_column(String(20))
    """What the station reckons in, where that is not the currency of the tariff: it is told nothing. None: it is."""


class ReservationCost(Model):
    """What a reservation costs that no transaction used. One row for each Accepted of a station."""

    __tablename__ = "reservation_costs"
    __table_args__ = (Index("ix_reservation_costs_start", "tenant_id", "start_time"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    reservation_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Its id at the station, which may be used again."""
    start_time: Mapped[datetime] = mapped_column(primary_key=True)
    """When the station's Accepted came."""
    end_time: Mapped[datetime]
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ReservationState"""
    evse_id: Mapped[int | None] = mapped_column(Integer)
    id_token: Mapped[str] = mapped_column(String(255))
    id_token_type: Mapped[str] = mapped_column(String(20))
    id_token_lookup: Mapped[str] = mapped_column(String(255))
    """What is the same for all spellings of it."""
    tariff_id: Mapped[str] = mapped_column(String(36))
    tariff_version: Mapped[int] = mapped_column(Integer)
    breakdown: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Cost"""
    is_withdrawn: Mapped[bool]
    """Nothing is to be paid after all."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class CostSettings(Model):
    """How the stations of a tenant are told of prices and costs. No row: the defaults."""

    __tablename__ = "cost_settings"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    running_cost: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.RunningCost"""
    interval_seconds: Mapped[int] = mapped_column(Integer)
    price_messages: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.PriceMessages"""
