"""Tables of the statistics: rollups, and what has been counted of transactions and of the states of EVSEs."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["CountedTransaction", "EvseDowntime", "EvseService", "Rollup", "StatisticsCursor"]

_OPEN = text("end_time IS NULL")

_OF_STATION = ("tenant_id", "station_id", "grain", "bucket_time")
_OF_LOCATION = ("tenant_id", "location_id", "grain", "bucket_time")


class Rollup(Model):
    """What happened in one bucket of time: sums of whole numbers, which are added to and never reckoned anew.

    The same is stored for the tenant, each location, each tariff and each station, by quarter of an hour and by day.
    """

    __tablename__ = "rollups"
    __table_args__ = (
        # Of few stations or locations, for a long time.
        PartialIndex("ix_rollups_station", *_OF_STATION, where=text("station_id <> ''")),
        PartialIndex("ix_rollups_location", *_OF_LOCATION, where=text("scope = 2")),
        Index("ix_rollups_bucket_time", "bucket_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    scope: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """1: tenant, 2: location, 3: tariff, 4: station. What is not of the scope is empty in the key."""
    grain: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """1: a quarter of an hour, 2: a day of UTC."""
    bucket_time: Mapped[datetime] = mapped_column(primary_key=True)
    """When it begins."""
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tariff_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    """ISO 4217, of a row of revenue. Empty: all that is no money."""
    transactions_started: Mapped[int] = mapped_column(BigInteger)
    transactions_ended: Mapped[int] = mapped_column(BigInteger)
    """Of a row of revenue: those with a cost in this currency."""
    transactions_failed: Mapped[int] = mapped_column(BigInteger)
    energy_mwh: Mapped[int] = mapped_column(BigInteger)
    """In thousandths of a Wh."""
    before_tax_micros: Mapped[int] = mapped_column(BigInteger)
    """In millionths of the currency."""
    after_tax_micros: Mapped[int] = mapped_column(BigInteger)
    rejected_authorizations: Mapped[int] = mapped_column(BigInteger)
    failed_starts: Mapped[int] = mapped_column(BigInteger)
    faults: Mapped[int] = mapped_column(BigInteger)
    failed_commands: Mapped[int] = mapped_column(BigInteger)
    occupied_ms: Mapped[int] = mapped_column(BigInteger)
    """Of transactions that ended, as the next three of states that ended."""
    offline_ms: Mapped[int] = mapped_column(BigInteger)
    faulted_ms: Mapped[int] = mapped_column(BigInteger)
    unavailable_ms: Mapped[int] = mapped_column(BigInteger)


class CountedTransaction(Model):
    """What is counted of a transaction, so that it can be taken back when something else is known."""

    __tablename__ = "counted_transactions"
    __table_args__ = (
        PartialIndex("ix_counted_transactions_open", "tenant_id", where=_OPEN),
        Index("ix_counted_transactions_end_time", "end_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36))
    """Where its station stood. Empty: at no location."""
    tariff_id: Mapped[str] = mapped_column(String(36))
    """Empty: none applies, or its cost is not known yet."""
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    """None: it goes on."""
    failed: Mapped[bool]
    energy_mwh: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    """Empty: no cost."""
    before_tax_micros: Mapped[int] = mapped_column(BigInteger)
    after_tax_micros: Mapped[int] = mapped_column(BigInteger)


class EvseService(Model):
    """A span of time in which an EVSE was in service at one place."""

    __tablename__ = "evse_services"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_time: Mapped[datetime] = mapped_column(primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36))
    """Where its station stood. Empty: at no location."""
    end_time: Mapped[datetime | None]
    """None: it is in service there."""


class EvseDowntime(Model):
    """A span of time in which an EVSE was offline, faulted or unavailable: one of them at a time."""

    __tablename__ = "evse_downtimes"
    __table_args__ = (
        PartialIndex("ix_evse_downtimes_open", "tenant_id", where=_OPEN),
        Index("ix_evse_downtimes_end_time", "end_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_time: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[int] = mapped_column(SmallInteger)
    """1: offline, 2: faulted, 3: unavailable."""
    location_id: Mapped[str] = mapped_column(String(36))
    """Where its station stood. Empty: at no location."""
    end_time: Mapped[datetime | None]
    """None: it goes on, and is in no rollup yet."""


class StatisticsCursor(Model):
    """How far events are counted, and what was stored before there were statistics. One row."""

    __tablename__ = "statistics_cursor"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Always 1."""
    event_id: Mapped[int] = mapped_column(BigInteger)
    """Last event of the outbox that is counted."""
    stage: Mapped[int] = mapped_column(SmallInteger)
    """What of before is being counted. 1: transactions, 2: states of EVSEs, 0: nothing more."""
    due_time: Mapped[datetime | None]
    """Since when something of before is to be counted. None: nothing is."""
    last_tenant_id: Mapped[str] = mapped_column(String(36))
    """With the next two: the last transaction or station of before that is counted."""
    last_station_id: Mapped[str] = mapped_column(String(48))
    last_transaction_id: Mapped[str] = mapped_column(String(36))
