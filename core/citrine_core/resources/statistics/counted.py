"""What is counted of a transaction, pure: from what is known of it to what rollups get."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine.ocpp.v2 import transactions_pb2 as ocpp
from citrine_core.resources.statistics.tally import Place, Tally
from citrine_core.times import to_datetime

__all__ = ["MOST_TIME", "Counted", "add_counted", "counted_of"]

MOST_TIME = timedelta(days=31)
"""Longest time of a transaction that counts as occupied: a clock that is off would fill years."""

_MILLION = 1_000_000

_MOST = Decimal(10**15)
"""Most of an amount that is counted, so that no sum is too large to be stored."""

_FAULTS = frozenset(
    {
        ocpp.REASON_ENUM_EMERGENCY_STOP,
        ocpp.REASON_ENUM_GROUND_FAULT,
        ocpp.REASON_ENUM_IMMEDIATE_RESET,
        ocpp.REASON_ENUM_OVERCURRENT_FAULT,
        ocpp.REASON_ENUM_POWER_LOSS,
        ocpp.REASON_ENUM_POWER_QUALITY,
        ocpp.REASON_ENUM_REBOOT,
        ocpp.REASON_ENUM_REQ_ENERGY_TRANSFER_REJECTED,
    }
)


class Counted(NamedTuple):
    """What is counted of one transaction: a row of `counted_transactions`."""

    tenant_id: str
    station_id: str
    transaction_id: str
    location_id: str
    tariff_id: str
    start_time: datetime | None
    end_time: datetime | None
    failed: bool
    energy_mwh: int
    currency: str
    before_tax_micros: int
    after_tax_micros: int


def counted_of(row: Any, record: ChargeRecord | None, before: Counted | None, location_id: str) -> Counted:
    """Return what is to be counted of a transaction.

    Args:
        row: The transaction, or what is stored of it.
        record: The latest revision of its charge record, which says what is billed. None: there is none.
        before: What is counted of it so far.
        location_id: Where its station stands now. Empty: nowhere.
    """
    skew = timedelta(milliseconds=row.clock_skew_ms or 0)
    start = None if row.start_time is None else row.start_time - skew
    end = row.end_time - skew if row.end_time is not None else row.closed_time
    energy = None if row.energy_wh is None else Decimal(row.energy_wh) * 1000
    place = location_id if before is None else before.location_id
    tariff_id = currency = ""
    before_tax = after_tax = 0
    if record is not None:
        start = to_datetime(record.start_time) if record.HasField("start_time") else None
        end = to_datetime(record.end_time if record.HasField("end_time") else record.settle_time)
        energy = Decimal(record.energy_kwh) * _MILLION if record.energy_kwh else None
        place, tariff_id = record.location.location_id, record.tariff_id
        if record.HasField("total"):
            currency = record.currency
            before_tax, after_tax = _micros(record.total.before_tax), _micros(record.total.after_tax)
    elif row.settle_time is not None and end is None:
        end = row.settle_time
    failed = end is not None and ((energy is not None and energy <= 0) or row.stopped_reason in _FAULTS)
    return Counted(
        *(row.tenant_id, row.station_id, row.transaction_id, place, tariff_id, start, end, failed),
        *(0 if end is None or energy is None else _whole(energy), currency, before_tax, after_tax),
    )


def add_counted(tally: Tally, counted: Counted, sign: int = 1) -> None:
    """Add what is counted of a transaction; with sign -1 take it back."""
    place = Place(counted.tenant_id, counted.station_id, counted.location_id)
    start, end = counted.start_time, counted.end_time
    if start is not None:
        tally.add(place, start, {"transactions_started": sign}, tariff_id=counted.tariff_id)
    if end is None:
        return
    amounts = {
        "transactions_ended": sign,
        "transactions_failed": sign * int(counted.failed),
        "energy_mwh": sign * counted.energy_mwh,
    }
    tally.add(place, end, amounts, tariff_id=counted.tariff_id)
    if counted.currency:
        money: Mapping[str, int] = {
            "transactions_ended": sign,
            "before_tax_micros": sign * counted.before_tax_micros,
            "after_tax_micros": sign * counted.after_tax_micros,
        }
        tally.add(place, end, dict(money), tariff_id=counted.tariff_id, currency=counted.currency)
    if start is not None and start < end:
        tally.add_span(place, "occupied_ms", max(start, end - MOST_TIME), end, sign)


def _micros(amount: str) -> int:
    return _whole(Decimal(amount or "0") * _MILLION)


def _whole(amount: Decimal) -> int:
    return round(max(-_MOST, min(amount, _MOST)))
