"""What a revision of a charge record says: composed of the transaction, its cost and the revision before it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from citrine.api.v1 import charge_records_pb2 as pb
from citrine.api.v1 import tariffs_pb2 as tariffs_pb
from citrine.api.v1.locations_pb2 import Location, LocationEvse
from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection, Settlement
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.tariff_and_cost.queries import SettledCost
from citrine_core.blocks.transactions.queries import SettledTransaction
from citrine_core.resources.charge_records.boundaries import Boundaries
from citrine_core.resources.tokens.owners import TokenOwner
from citrine_core.rpc import to_duration, to_timestamp
from citrine_core.times import set_time, to_datetime

__all__ = ["Subject", "charges_the_same", "revision_of"]

_Line = tariffs_pb.CostLine

_DIMENSIONS = {
    _Line.KIND_ENERGY: pb.CHARGE_DIMENSION_ENERGY,
    _Line.KIND_CHARGING_TIME: pb.CHARGE_DIMENSION_CHARGING_TIME,
    _Line.KIND_IDLE_TIME: pb.CHARGE_DIMENSION_IDLE_TIME,
    _Line.KIND_FLAT: pb.CHARGE_DIMENSION_FLAT,
    _Line.KIND_RESERVATION_TIME: pb.CHARGE_DIMENSION_RESERVATION_TIME,
    _Line.KIND_RESERVATION_FLAT: pb.CHARGE_DIMENSION_RESERVATION_FLAT,
    _Line.KIND_MINIMUM: pb.CHARGE_DIMENSION_LIMIT,
    _Line.KIND_MAXIMUM: pb.CHARGE_DIMENSION_LIMIT,
    _Line.KIND_CREDIT: pb.CHARGE_DIMENSION_CREDIT,
}

_SNAPSHOT = ("station", "location", "token", "authorization_method")
"""What a revision has from the one before, whatever it is by now."""

_CHARGED = (
    "evse_id",
    "connector_id",
    "token",
    "start_time",
    "end_time",
    "energy_kwh",
    "currency",
    "total",
    "lines",
    "tariff_id",
    "tariff_version",
    "cost_unknown",
)
"""What is charged, with the periods. A settlement anew that changes nothing of it makes no revision."""

_AMOUNTS = ("energy_amount", "time_amount", "amount")
"""What a period costs. Records of earlier versions do not say it, and the lines do."""

_OF_SITE = (
    *("location_id", "name", "address", "city", "postal_code", "state", "country", "time_zone"),
    *("country_code", "party_id"),
)

_NO_AUTHORIZATION = "NoAuthorization"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of a settled transaction, apart from its costs."""

    transaction: SettledTransaction
    boundaries: Boundaries
    owner: TokenOwner | None = None
    """Whose its token is. None: it has none, or one that is not of the tenant."""
    station: ChargingStation | None = None
    """Hardware of its station. None: it never booted, or is removed."""
    site: Location | None = None
    """Location where its station stood. None: none."""
    evse: LocationEvse | None = None
    """Its EVSE there. None: it is not known."""
    reserved: tuple[datetime, datetime] | None = None
    """When the reservation that it used was accepted, and expires. None: it used none, or that is removed."""


def revision_of(subject: Subject, settled: SettledCost, before: pb.ChargeRecord | None) -> pb.ChargeRecord:
    """Return what a revision says, without its id, change and time.

    Args:
        subject: The transaction.
        settled: What it costs: by the final cost or a correction.
        before: The revision that it replaces. None: it is the first.
    """
    record = _of_transaction(subject)
    record.revision, record.correction = 1, settled.number
    if before is not None:
        record.record_id, record.revision, record.replaces = before.record_id, before.revision + 1, before.revision
        record.reason = CostCorrection.Reason.ValueType(settled.reason)
        record.detail, record.requested_by = settled.detail, settled.author
        _retain_snapshot(record, before)
    _add_cost(record, subject.transaction, settled, before)
    _add_reservation(record, subject.reserved, before)
    return record


def charges_the_same(one: pb.ChargeRecord, other: pb.ChargeRecord) -> bool:
    """Return whether two revisions charge the same."""
    return _without_amounts(one.periods) == _without_amounts(other.periods) and all(
        getattr(one, name) == getattr(other, name) for name in _CHARGED
    )


def _of_transaction(subject: Subject) -> pb.ChargeRecord:
    row, skew = subject.transaction.row, subject.transaction.skew
    start, end = (None if time is None else _moved(time, -skew) for time in (row.start_time, row.end_time))
    record = pb.ChargeRecord(
        tenant_id=row.tenant_id,
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        location=_location(subject),
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        authorization_method=_method(row, subject.boundaries),
        remote_start_id=row.remote_start_id,
        reservation_id=row.reservation_id,
        reference=row.reference,
        start_time=to_timestamp(start),
        end_time=to_timestamp(end),
        total_time=to_duration(max(end - start, timedelta(0))) if start is not None and end is not None else None,
        stopped_reason=row.stopped_reason,
        settlement=Settlement.ValueType(row.settlement or 0),
        settle_time=to_timestamp(row.settle_time),
        missing_events=subject.transaction.missing_events,
        anomalies=subject.transaction.anomalies,
        meter_start_wh=row.meter_start_wh,
        meter_last_wh=row.meter_last_wh,
        signed_start=subject.boundaries.signed_start,
        signed_end=subject.boundaries.signed_end,
    )
    if row.id_token is not None:
        record.token.id_token.CopyFrom(IdToken(id_token=row.id_token, type=row.id_token_type or ""))
        for name, value in () if subject.owner is None else subject.owner._asdict().items():
            setattr(record.token, name, value)
    if subject.station is not None and subject.station.model:
        record.station.vendor_name, record.station.model = subject.station.vendor_name, subject.station.model
        record.station.serial_number = subject.station.serial_number
        record.station.firmware_version = subject.station.firmware_version
    return record


def _location(subject: Subject) -> pb.ChargeRecordLocation | None:
    site, evse = subject.site, subject.evse
    if site is None:
        return None
    found = pb.ChargeRecordLocation(**{name: getattr(site, name) for name in _OF_SITE})
    if site.HasField("coordinates"):
        found.coordinates.CopyFrom(site.coordinates)
    if evse is not None:
        found.evse_uid, found.evse_public_id = evse.uid, evse.public_id
        for one in evse.connectors:
            if one.connector_id == subject.transaction.row.connector_id:
                found.connector.CopyFrom(one)
    return found


def _method(row: Any, boundaries: Boundaries) -> pb.AuthorizationMethod.ValueType:
    if row.remote_start_id is not None:
        return pb.AUTHORIZATION_METHOD_REMOTE_START
    if row.id_token_type == _NO_AUTHORIZATION:
        return pb.AUTHORIZATION_METHOD_NONE
    if not boundaries.has_start or row.id_token is None:
        return pb.AUTHORIZATION_METHOD_UNSPECIFIED
    return pb.AUTHORIZATION_METHOD_STATION if boundaries.started_offline else pb.AUTHORIZATION_METHOD_CSMS


def _retain_snapshot(record: pb.ChargeRecord, before: pb.ChargeRecord) -> None:
    """Retain what was looked up when the first revision was made, and what is no longer stored."""
    is_same_token = record.token.id_token == before.token.id_token
    for name in _SNAPSHOT:
        if name == "token" and not is_same_token:
            continue
        if name == "authorization_method":
            record.authorization_method = record.authorization_method or before.authorization_method
        elif before.HasField(name):  # type: ignore[arg-type]
            getattr(record, name).CopyFrom(getattr(before, name))
    for name in ("signed_start", "signed_end"):
        if not getattr(record, name):
            getattr(record, name).extend(getattr(before, name))


def _add_cost(
    record: pb.ChargeRecord, transaction: SettledTransaction, settled: SettledCost, before: pb.ChargeRecord | None
) -> None:
    record.tariff_id, record.tariff_version = settled.tariff_id, settled.tariff_version
    record.cost_unknown = settled.is_unknown
    energy_wh = transaction.row.energy_wh
    if energy_wh is not None:
        record.energy_kwh = _kwh(energy_wh)
    cost = None if settled.cost is None else tariffs_pb.Cost.FromString(settled.cost)
    if cost is None:
        _add_one_period(record)
        return
    record.currency = cost.currency
    record.total.CopyFrom(cost.total)
    record.lines.extend(cost.lines)
    record.totals.extend(_totals(cost.lines))
    record.taxes.extend(_taxes(cost.lines))
    if cost.energy_kwh:
        if energy_wh is not None or Decimal(cost.energy_kwh):
            record.energy_kwh = cost.energy_kwh
        record.charging_time.CopyFrom(cost.charging_time)
        record.idle_time.CopyFrom(cost.idle_time)
        record.periods.extend(cost.periods)
        _bound(record, transaction)
    elif before is not None:
        # A waiver says nothing of what was charged, which costs nothing now.
        record.energy_kwh = before.energy_kwh
        record.charging_time.CopyFrom(before.charging_time)
        record.idle_time.CopyFrom(before.idle_time)
        record.periods.extend(_without_amounts(before.periods))
        for period in record.periods:
            period.amount.CopyFrom(tariffs_pb.Amount(before_tax="0.00", after_tax="0.00"))


def _add_reservation(
    record: pb.ChargeRecord, reserved: tuple[datetime, datetime] | None, before: pb.ChargeRecord | None
) -> None:
    """Say for how long the EVSE was reserved: as the revision before did, where the reservation is removed since."""
    if reserved is not None and record.HasField("start_time"):
        accepted, expires = reserved
        end = max(accepted, min(to_datetime(record.start_time), expires))
        set_time(record.reservation_start_time, accepted)
        set_time(record.reservation_end_time, end)
    elif before is not None and before.HasField("reservation_start_time"):
        record.reservation_start_time.CopyFrom(before.reservation_start_time)
        record.reservation_end_time.CopyFrom(before.reservation_end_time)


def _without_amounts(periods: Iterable[tariffs_pb.CostPeriod]) -> list[tariffs_pb.CostPeriod]:
    found = []
    for one in periods:
        period = tariffs_pb.CostPeriod()
        period.CopyFrom(one)
        for name in _AMOUNTS:
            period.ClearField(name)  # type: ignore[arg-type]
        found.append(period)
    return found


def _bound(record: pb.ChargeRecord, transaction: SettledTransaction) -> None:
    """Have a transaction that is billed by our clock begin and end by it, as its periods do."""
    if not transaction.skew or not record.periods:
        return
    if record.HasField("start_time"):
        record.start_time.CopyFrom(record.periods[0].start_time)
    if record.HasField("end_time"):
        record.end_time.CopyFrom(record.periods[-1].end_time)


def _add_one_period(record: pb.ChargeRecord) -> None:
    """Add the whole transaction as a period, where there are no prices to divide it by."""
    if record.HasField("start_time") and record.HasField("end_time"):
        record.periods.add(start_time=record.start_time, end_time=record.end_time, energy_kwh=record.energy_kwh)


def _totals(lines: Sequence[tariffs_pb.CostLine]) -> list[pb.ChargeTotal]:
    sums: dict[int, list[Decimal]] = {}
    for line in lines:
        numbers = (line.quantity, line.amount.before_tax, line.amount.after_tax)
        found = sums.setdefault(_DIMENSIONS[line.kind], [Decimal(0)] * 3)
        for place, number in enumerate(numbers):
            found[place] += Decimal(number)
    return [
        pb.ChargeTotal(
            dimension=pb.ChargeDimension.ValueType(dimension),
            quantity=_plain(quantity),
            amount=tariffs_pb.Amount(before_tax=f"{before:f}", after_tax=f"{after:f}"),
        )
        for dimension, (quantity, before, after) in sorted(sums.items())
    ]


def _taxes(lines: Sequence[tariffs_pb.CostLine]) -> list[pb.ChargeTax]:
    sums: dict[tuple[int, str, str], list[Decimal]] = {}
    whole = Decimal(0)
    for line in lines:
        net = Decimal(line.amount.before_tax)
        amounts = {(tax.stack, tax.type, tax.percent): Decimal(tax.amount) for tax in line.taxes}
        shares: dict[tuple[int, str, str], Decimal] = {}
        if line.element < 0 and whole:
            # A minimum, maximum or credit counts for each tax as much as what that was levied on before.
            shares = {key: round(net * base / whole, 6) for key, (base, _) in sums.items()}
        for key in amounts | shares:
            found = sums.setdefault(key, [Decimal(0)] * 2)
            found[0] += shares.get(key, net)
            found[1] += amounts.get(key, Decimal(0))
        whole += net
    return [
        pb.ChargeTax(type=kind, percent=percent, stack=stack, base=f"{base:f}", amount=f"{amount:f}")
        for (stack, kind, percent), (base, amount) in sorted(sums.items())
    ]


def _kwh(energy_wh: float) -> str:
    return _plain(Decimal(round(Fraction(energy_wh) * 1000)) / 1_000_000)


def _plain(number: Decimal) -> str:
    """Return a number as text, without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moved(time: datetime, by: timedelta) -> datetime:
    try:
        return time + by
    except OverflowError:
        return time
