"""Charging periods of a session: those that the partner has, and those that are appended while it goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from citrine.api.v1.tariffs_pb2 import CostPeriod
from citrine.api.v1.transactions_pb2 import Transaction
from citrine_ocpi.modules.charging import Fields, dimensions_of, period, when
from citrine_ocpi.transport.paging import parse_time

__all__ = ["INTERVAL", "SessionPeriods", "measured_periods", "periods_of"]

INTERVAL = timedelta(minutes=5)
"""Time of charging after which a partner is told another period, where prices do not change before."""

TOLERANCE = Decimal("0.001")
"""What volumes that are rounded to four decimals may be apart from the exact ones."""


@dataclass(frozen=True)
class SessionPeriods:
    """Periods of a session."""

    bodies: Sequence[Fields]
    """All of them."""
    reached: datetime | None
    """Up to which moment they say all."""
    is_appended: bool
    """Whether those of before are the first ones of them, so that a PATCH can say the rest."""


def measured_periods(transaction: Transaction) -> Sequence[CostPeriod]:
    """Return what a transaction measured as the one period of the core that it has where no tariff applies."""
    if not transaction.HasField("start_time"):
        return ()
    over = transaction.end_time if transaction.HasField("end_time") else transaction.update_time
    energy = Decimal(str(transaction.energy_wh)) / 1000
    return (CostPeriod(start_time=transaction.start_time, end_time=over, energy_kwh=str(energy)),)


def periods_of(
    known: Sequence[Mapping[str, Any]],
    reached: datetime | None,
    costs: Sequence[CostPeriod],
    tariff_id: str,
    *,
    is_over: bool,
    now: datetime,
) -> SessionPeriods:
    """Return the periods of a session after another event of it.

    Those that were sent stay, and what came since is another one: where prices changed, where `INTERVAL` passed, and at
    the end. Where what was sent turns out to be wrong, all are made anew.

    Args:
        known: Periods as they were sent.
        reached: Up to which moment those say all. None: there are none.
        costs: Periods of the core.
        tariff_id: That applies.
        is_over: Whether the transaction ended.
        now: Up to which moment the core reckoned.
    """
    found: list[Fields] = []
    sent = [*known]
    for place, cost in enumerate(costs):
        begin = when(cost.start_time)
        is_last = place == len(costs) - 1
        own, sent = _within(sent, None if is_last else when(cost.end_time))
        rest = _rest(cost, own)
        if rest is None or any(parse_time(one["start_date_time"]) < begin - timedelta(seconds=1) for one in own):
            return _anew(costs, tariff_id, is_over=is_over, now=now)
        found += [dict(one) for one in own]
        since = reached if own and reached is not None else begin
        if any(rest.values()) and (not is_last or is_over or now - since >= INTERVAL):
            found.append(period(since, rest, tariff_id))
            reached = now if is_last else when(cost.end_time)
    if sent:
        return _anew(costs, tariff_id, is_over=is_over, now=now)
    return SessionPeriods(found, reached, is_appended=True)


def _anew(costs: Sequence[CostPeriod], tariff_id: str, *, is_over: bool, now: datetime) -> SessionPeriods:
    bodies = [period(when(one.start_time), dimensions_of(one), tariff_id) for one in costs]
    return SessionPeriods(bodies, now if bodies else None, is_appended=False)


def _within(
    sent: Sequence[Mapping[str, Any]], end: datetime | None
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the periods that begin before a time, and the others."""
    own = [one for one in sent if end is None or parse_time(one["start_date_time"]) < end]
    return own, [*sent[len(own) :]]


def _rest(cost: CostPeriod, own: Sequence[Mapping[str, Any]]) -> dict[str, Decimal] | None:
    """Return what of a period of the core was not sent yet. None: more was sent than there is."""
    rest = dimensions_of(cost)
    for one in own:
        for dimension in one["dimensions"]:
            name = dimension["type"]
            rest[name] = rest.get(name, Decimal(0)) - Decimal(str(dimension["volume"]))
    if any(volume < -TOLERANCE for volume in rest.values()):
        return None
    return {name: volume if volume > TOLERANCE / 10 else Decimal(0) for name, volume in rest.items()}
