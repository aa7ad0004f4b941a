"""Tables of functional block I. Money is stored as text, so that it is exact on all databases."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model, PartialIndex

__all__ = [
    "ANY_LABELLED",
    "CostSettings",
    "ReservationCost",
    "StoredTariff",
    "TariffAssignment",
    "TariffVersion",
    "TransactionCost",
]

ANY_LABELLED = "/"
"""The station of an assignment that is for stations with labels. No station has this id: a core of before labels, which
would take the assignment as one for every station, finds it for none."""


class StoredTariff(Model):
    """A tariff, with the number of its current version."""

    __tablename__ = "tariffs"
    __table_args__ = (Index(None, "tenant_id", "update_time", "tariff_id"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tariff_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    create_time: Mapped[datetime]
    update_time: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00'"))
    """When its current version was made, or it was deleted."""
    delete_time: Mapped[datetime | None]
    """When it was deleted. It still applies to transactions that began under one of its versions. None: not deleted."""


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
    """The stations, tokens and times to which a tariff applies. A column without a restriction is "" or 0.

    An assignment is retained after its end, because it applies to transactions that were reported before.
    """

    __tablename__ = "tariff_assignments"
    __table_args__ = (
        UniqueConstraint("tenant_id", "assignment_id", name="uq_tariff_assignments_assignment_id"),
        Index(
            "ix_tariff_assignments_subject",
            *("tenant_id", "id_token_lookup", "group_id", "station_id", "location_id", "station_group", "label_digest"),
        ),
        Index("ix_tariff_assignments_made", "tenant_id", "id"),
        Index("ix_tariff_assignments_changed", "tenant_id", "update_time", "id"),
        Index("ix_tariff_assignments_of_tariff", "tenant_id", "tariff_id", "id"),
        Index("ix_tariff_assignments_station", "tenant_id", "station_id", "id"),
        Index("ix_tariff_assignments_location", "tenant_id", "location_id", "id"),
        Index("ix_tariff_assignments_station_group", "tenant_id", "station_group", "id"),
        Index("ix_tariff_assignments_labels", "tenant_id", "label_digest", "id"),
        Index("ix_tariff_assignments_group", "tenant_id", "group_id", "id"),
        Index("ix_tariff_assignments_token", "tenant_id", "id_token_lookup", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    assignment_id: Mapped[str] = mapped_column(String(36))
    tariff_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    """The one station, or ANY_LABELLED: see `named_station`."""
    evse_id: Mapped[int] = mapped_column(Integer)
    location_id: Mapped[str] = mapped_column(String(36), default="", server_default=text("''"))
    station_group: Mapped[str] = mapped_column(String(63), default="", server_default=text("''"))
    station_labels: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """Labels as `write_labels` of stations writes them."""
    label_digest: Mapped[str] = mapped_column(String(32), default="", server_default=text("''"))
    """Of the first of the labels, by which the assignments of a station are found."""
    group_id: Mapped[str] = mapped_column(String(255))
    id_token: Mapped[str] = mapped_column(String(255))
    """As the operator wrote it."""
    id_token_lookup: Mapped[str] = mapped_column(String(255))
    """The normalised spelling of it."""
    id_token_type: Mapped[str] = mapped_column(String(20))
    create_time: Mapped[datetime]
    update_time: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00'"))
    """When it was made, or its end was set."""
    from_time: Mapped[datetime | None]
    """When it begins. None: at create_time."""
    to_time: Mapped[datetime | None]
    """When it ends. None: it does not."""

    @property
    def named_station(self) -> str:
        """Id of the one station. Empty: none is named."""
        return "" if self.station_id == ANY_LABELLED else self.station_id


class TransactionCost(Model):
    """The cost of a transaction, and the version of the tariff that determines it."""

    __tablename__ = "transaction_costs"
    __table_args__ = (
        PartialIndex("ix_transaction_costs_priced", "tenant_id", "sequence", where=text("tariff_id IS NOT NULL")),
        # Few costs are not final, however many there were.
        PartialIndex(
            "ix_transaction_costs_settled",
            *("tenant_id", "settle_time", "station_id", "transaction_id"),
            where=text("settle_time IS NOT NULL"),
        ),
        PartialIndex("ix_transaction_costs_not_final", "tenant_id", "sequence", where=text("state <> 3")),
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
    """The sequence of the transaction."""
    subject: Mapped[str] = mapped_column(String(350))
    """EVSE, token and start by which the tariff was selected."""
    tariff_id: Mapped[str | None] = mapped_column(String(36))
    """None: no tariff applies, and the cost is not known."""
    tariff_version: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.CostState"""
    before_tax: Mapped[str | None] = mapped_column(String(40))
    after_tax: Mapped[str | None] = mapped_column(String(40))
    accrual: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The accrual so far, in the stored form of citrine_core.blocks.tariff_and_cost.accrual."""
    breakdown: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Cost, once the transaction ended."""
    told_total: Mapped[str | None] = mapped_column(String(40))
    """Total after tax that was last sent to the station."""
    next_time: Mapped[datetime | None]
    """When to send the running cost to the station. None: it is not sent."""
    update_time: Mapped[datetime]
    waits_for: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.CostWait, while it is provisional."""
    waits_until: Mapped[datetime | None]
    """When the wait ends and the cost becomes final anyway."""
    settlement: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.api.v1.Settlement, once it is final."""
    settle_time: Mapped[datetime | None]
    """When it became final."""
    station_currency: Mapped[str | None] = mapped_column(String(20))
    """Currency of the station, if it differs from that of the tariff: then no cost is sent. None: it does not."""
    time_zone: Mapped[str | None] = mapped_column(String(64))
    """Zone of the station's location when the tariff was chosen, for a tariff that names none. None: UTC."""


class ReservationCost(Model):
    """The cost of a reservation that no transaction used. One row per Accepted of a station."""

    __tablename__ = "reservation_costs"
    __table_args__ = (
        Index("ix_reservation_costs_start", "tenant_id", "start_time"),
        Index("ix_reservation_costs_station", "tenant_id", "station_id", "start_time"),
        Index(None, "tenant_id", "id_token_lookup", "start_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    reservation_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Its id at the station, which may be used again."""
    start_time: Mapped[datetime] = mapped_column(primary_key=True)
    """When the station's Accepted arrived."""
    end_time: Mapped[datetime]
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ReservationState"""
    evse_id: Mapped[int | None] = mapped_column(Integer)
    id_token: Mapped[str] = mapped_column(String(255))
    id_token_type: Mapped[str] = mapped_column(String(20))
    id_token_lookup: Mapped[str] = mapped_column(String(255))
    """The normalised spelling of it."""
    tariff_id: Mapped[str] = mapped_column(String(36))
    tariff_version: Mapped[int] = mapped_column(Integer)
    breakdown: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Cost"""
    is_withdrawn: Mapped[bool]
    """Whether the cost was withdrawn, so that nothing must be paid."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class CostSettings(Model):
    """How prices and costs are sent to the stations of a tenant. No row: the defaults."""

    __tablename__ = "cost_settings"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    running_cost: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.RunningCost"""
    interval_seconds: Mapped[int] = mapped_column(Integer)
    price_messages: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.PriceMessages"""
