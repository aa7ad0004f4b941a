"""What sampled values say: rows to store, and the register, power and state of charge among them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.v2.types_pb2 import LocationEnum, MeasurandEnum, MeterValue, PhaseEnum, ReadingContextEnum

__all__ = ["Measured", "RegisterReading", "SampleRow", "digest_of", "measured", "sample_rows", "to_datetime"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_REGISTER = int(MeasurandEnum.MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_REGISTER)
_POWER = int(MeasurandEnum.MEASURAND_ENUM_POWER_ACTIVE_IMPORT)
_SOC = int(MeasurandEnum.MEASURAND_ENUM_SOC)
_BEGIN = int(ReadingContextEnum.READING_CONTEXT_ENUM_TRANSACTION_BEGIN)
_END = int(ReadingContextEnum.READING_CONTEXT_ENUM_TRANSACTION_END)

_PHASES: Mapping[int, int] = {
    PhaseEnum.PHASE_ENUM_L1: 1,
    PhaseEnum.PHASE_ENUM_L2: 2,
    PhaseEnum.PHASE_ENUM_L3: 3,
    PhaseEnum.PHASE_ENUM_L1_N: 1,
    PhaseEnum.PHASE_ENUM_L2_N: 2,
    PhaseEnum.PHASE_ENUM_L3_N: 3,
}
"""Phases whose values add up to the whole."""

_LOCATIONS: Mapping[int | None, int] = {
    None: 0,
    LocationEnum.LOCATION_ENUM_OUTLET: 0,
    LocationEnum.LOCATION_ENUM_CABLE: 1,
    LocationEnum.LOCATION_ENUM_BODY: 2,
    LocationEnum.LOCATION_ENUM_INLET: 3,
    LocationEnum.LOCATION_ENUM_UPSTREAM: 4,
    LocationEnum.LOCATION_ENUM_EV: 5,
}
"""Where several report the same at the same time, what the driver was given counts first."""

_ENERGY_UNITS: Mapping[str | None, float] = {None: 1.0, "Wh": 1.0, "kWh": 1000.0}
_POWER_UNITS: Mapping[str | None, float] = {None: 1.0, "W": 1.0, "kW": 1000.0}

_LARGEST_EXPONENT = 18
_LARGEST = 1e15
"""Above it (1000 TWh) a value is no reading of a charging station, and sums could lose digits or overflow."""


def to_datetime(timestamp: Timestamp) -> datetime:
    """Return the time to the microsecond, as the database keeps it."""
    # Several times as fast as ToDatetime, and meter values have many times.
    return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)


def digest_of(message: bytes) -> int:
    """Return 64 bits that tell a serialised message from others of the same station."""
    return int.from_bytes(hashlib.blake2b(message, digest_size=8).digest(), "big", signed=True)


class SampleRow(NamedTuple):
    """A row of `samples`, in the order of its columns."""

    tenant_id: str
    station_id: str
    sample_time: datetime
    digest: int
    position: int
    evse_id: int | None
    connector_id: int | None
    transaction_id: str | None
    seq_no: int | None
    measurand: int
    context: int | None
    phase: int | None
    location: int | None
    unit: str | None
    multiplier: int | None
    value: float
    extra: bytes | None


def sample_rows(
    tenant_id: str,
    station_id: str,
    digest: int,
    meter_values: Iterable[MeterValue],
    *,
    evse_id: int | None = None,
    connector_id: int | None = None,
    transaction_id: str | None = None,
    seq_no: int | None = None,
) -> list[SampleRow]:
    """Return one row for each sampled value.

    Args:
        tenant_id: Tenant of the station.
        station_id: Who sent it.
        digest: `digest_of` the message.
        meter_values: What it reports.
        evse_id: Where it was measured. None: not said.
        connector_id: Where it was measured. None: not said.
        transaction_id: Transaction whose event the message is. The event holds the message as a whole.
        seq_no: Of that event.
    """
    rows: list[SampleRow] = []
    for meter_value in meter_values:
        sample_time = to_datetime(meter_value.timestamp)
        for sampled in meter_value.sampled_value:
            unit, multiplier, has_extra = None, None, sampled.HasField("signed_meter_value")
            if sampled.HasField("unit_of_measure"):
                measure = sampled.unit_of_measure
                unit = measure.unit if measure.HasField("unit") else None
                multiplier = measure.multiplier if measure.HasField("multiplier") else None
                has_extra = has_extra or measure.HasField("custom_data")
            extra = None
            if has_extra or sampled.HasField("custom_data"):
                extra = sampled.SerializeToString(deterministic=True) if transaction_id is None else b""
            rows.append(
                SampleRow(
                    tenant_id,
                    station_id,
                    sample_time,
                    digest,
                    len(rows),
                    evse_id,
                    connector_id,
                    transaction_id,
                    seq_no,
                    # An enum that is absent reads as 0, UNSPECIFIED.
                    sampled.measurand or _REGISTER,
                    sampled.context or None,
                    sampled.phase or None,
                    sampled.location or None,
                    unit,
                    multiplier,
                    sampled.value,
                    extra,
                )
            )
    return rows


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """The import register at one time, of all phases."""

    time: datetime
    begins: bool
    """True: its context is Transaction.Begin."""
    wh: float


@dataclass(slots=True)
class Measured:
    """What the sampled values of one message say of a transaction."""

    registers: list[RegisterReading] = field(default_factory=list)
    """By time; at the same time the beginning first and the end last."""
    power_w: float | None = None
    """Active power imported, as of the latest report."""
    soc_percent: float | None = None
    first_time: datetime | None = None
    """The earliest time of any sample, whatever it measures."""
    last_time: datetime | None = None


_Group = dict[tuple[datetime, int], list[SampleRow]]


def measured(rows: Sequence[SampleRow]) -> Measured:
    """Return what the samples of one message say.

    Values of phases are added up where there is no total (J02). Values that can't be, or whose unit is of
    something else, count as not sent. A message without a register brings no reading.
    """
    found = Measured()
    if not rows:
        return found
    times = [row.sample_time for row in rows]
    found.first_time, found.last_time = min(times), max(times)
    groups: dict[int, _Group] = {_REGISTER: {}, _POWER: {}, _SOC: {}}
    for row in rows:
        group = groups.get(row.measurand)
        if group is not None:
            group.setdefault((row.sample_time, _rank(row.context)), []).append(row)
    found.registers = [
        RegisterReading(time, rank == 0, wh) for time, rank, wh in _totals(groups[_REGISTER], _ENERGY_UNITS)
    ]
    for _, _, found.power_w in _totals(groups[_POWER], _POWER_UNITS):
        pass
    for _, _, found.soc_percent in _totals(groups[_SOC], None):
        pass
    return found


def _rank(context: int | None) -> int:
    if context == _BEGIN:
        return 0
    return 2 if context == _END else 1


def _totals(group: _Group, units: Mapping[str | None, float] | None) -> Iterator[tuple[datetime, int, float]]:
    for time, rank in sorted(group) if len(group) > 1 else group:
        total = _total(group[time, rank], units)
        if total is not None:
            yield time, rank, total


def _total(rows: Sequence[SampleRow], units: Mapping[str | None, float] | None) -> float | None:
    if len(rows) == 1 and rows[0].phase is None:
        return _scaled(rows[0], units)
    whole: dict[int, float] = {}
    phases: dict[int, dict[int, float]] = {}
    for row in rows:
        value = _scaled(row, units)
        if value is None:
            continue
        location = _LOCATIONS.get(row.location, 9)
        if row.phase is None:
            whole[location] = value
        elif row.phase in _PHASES:
            phases.setdefault(location, {})[_PHASES[row.phase]] = value
    if not whole and not phases:
        return None
    location = min([*whole, *phases])
    return whole[location] if location in whole else sum(phases[location].values())


def _scaled(row: SampleRow, units: Mapping[str | None, float] | None) -> float | None:
    factor = 1.0 if units is None else units.get(row.unit)
    exponent = row.multiplier or 0
    if factor is None or abs(exponent) > _LARGEST_EXPONENT:
        return None
    value: float = row.value
    if factor != 1.0:
        value *= factor
    if exponent > 0:
        value *= 10.0**exponent
    elif exponent < 0:
        # Divided, because 10 to a negative power is not exact.
        value /= 10.0**-exponent
    return value if isfinite(value) and abs(value) <= _LARGEST else None
