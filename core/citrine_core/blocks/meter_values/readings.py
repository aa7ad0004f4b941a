"""Conversion of sampled values to rows, and to readings of registers, power and state of charge."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import NamedTuple

from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.types_pb2 import (
    CustomData,
    LocationEnum,
    MeasurandEnum,
    MeterValue,
    PhaseEnum,
    ReadingContextEnum,
    SampledValue,
)
from citrine_core.blocks.meter_values.units import base_of, exact
from citrine_core.times import to_datetime

__all__ = [
    "ALIGNED",
    "IN_EVENT",
    "SIGNED",
    "SIGNED_IN_EVENT",
    "UNSIGNED",
    "Measured",
    "RegisterReading",
    "SampleRow",
    "digest_of",
    "measured",
    "sample_rows",
]

IN_EVENT = b""
"""`extra` of a sample of a transaction with customData, which is stored in the transaction's event."""
SIGNED_IN_EVENT = b"\x01"
"""`extra` of a signed sample of a transaction; customData and signature are stored in its event."""
UNSIGNED = b"\x02"
"""First byte of the `extra` of a sample of MeterValues; a message with only this sample and customData follows."""
SIGNED = b"\x03"
"""First byte of the `extra` of a signed sample of MeterValues; the same message follows."""

_REGISTER = int(MeasurandEnum.MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_REGISTER)
_EXPORT = int(MeasurandEnum.MEASURAND_ENUM_ENERGY_ACTIVE_EXPORT_REGISTER)
_INTERVAL = int(MeasurandEnum.MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_INTERVAL)
_POWER = int(MeasurandEnum.MEASURAND_ENUM_POWER_ACTIVE_IMPORT)
_SOC = int(MeasurandEnum.MEASURAND_ENUM_SOC)
_COUNTED = frozenset({_REGISTER, _EXPORT, _INTERVAL, _POWER, _SOC})
"""Measurands that determine the energy, power or state of charge of a transaction."""
_BEGIN = int(ReadingContextEnum.READING_CONTEXT_ENUM_TRANSACTION_BEGIN)
_END = int(ReadingContextEnum.READING_CONTEXT_ENUM_TRANSACTION_END)
_CLOCK = int(ReadingContextEnum.READING_CONTEXT_ENUM_SAMPLE_CLOCK)

ALIGNED = 1000
"""Added to the series of clock-aligned intervals."""

_PHASES: Mapping[int, int] = {
    PhaseEnum.PHASE_ENUM_L1: 1,
    PhaseEnum.PHASE_ENUM_L2: 2,
    PhaseEnum.PHASE_ENUM_L3: 3,
    PhaseEnum.PHASE_ENUM_L1_N: 1,
    PhaseEnum.PHASE_ENUM_L2_N: 2,
    PhaseEnum.PHASE_ENUM_L3_N: 3,
}
"""Phases whose values add up to the total."""

_LOCATIONS: Mapping[int | None, int] = {
    None: 0,
    LocationEnum.LOCATION_ENUM_OUTLET: 0,
    LocationEnum.LOCATION_ENUM_CABLE: 1,
    LocationEnum.LOCATION_ENUM_BODY: 2,
    LocationEnum.LOCATION_ENUM_INLET: 3,
    LocationEnum.LOCATION_ENUM_UPSTREAM: 4,
    LocationEnum.LOCATION_ENUM_EV: 5,
}
"""Precedence of locations that report at the same time: the nearest to the driver comes first."""

_LARGEST_EXPONENT = 18
_LARGEST = 1e15
"""Greatest value of a reading (1000 TWh); above it, sums could lose digits or overflow."""


def digest_of(message: bytes) -> int:
    """Return a hash of 64 bits by which serialised messages of one station are distinguished."""
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
    custom_data: CustomData | None = None,
) -> list[SampleRow]:
    """Return one row for each sampled value.

    Args:
        tenant_id: Tenant of the station.
        station_id: Station that sent the message.
        digest: `digest_of` the message.
        meter_values: The meter values of the message.
        evse_id: EVSE that was measured. None: the message names none.
        connector_id: Connector that was measured. None: the message names none.
        transaction_id: Transaction whose event the message is. The stored event contains the whole message.
        seq_no: seqNo of that event.
        custom_data: customData of the message, if it is not an event.
    """
    rows: list[SampleRow] = []
    for meter_value in meter_values:
        sample_time = to_datetime(meter_value.timestamp)
        is_custom = custom_data is not None or meter_value.HasField("custom_data")
        for sampled in meter_value.sampled_value:
            unit, multiplier, has_extra = None, None, is_custom or sampled.HasField("signed_meter_value")
            if sampled.HasField("unit_of_measure"):
                measure = sampled.unit_of_measure
                unit = measure.unit or ("" if measure.HasField("unit") else None)
                multiplier = measure.multiplier or (0 if measure.HasField("multiplier") else None)
                has_extra = has_extra or measure.HasField("custom_data")
            extra = None
            if has_extra or sampled.HasField("custom_data"):
                extra = _extra(meter_value, sampled, custom_data, in_event=transaction_id is not None)
            rows.append(
                # By position: keywords, or the class itself, would take longer than all else here.
                SampleRow._make(
                    (
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
            )
    return rows


def _extra(meter_value: MeterValue, sampled: SampledValue, custom_data: CustomData | None, *, in_event: bool) -> bytes:
    is_signed = sampled.HasField("signed_meter_value")
    if in_event:
        return SIGNED_IN_EVENT if is_signed else IN_EVENT
    alone = MeterValuesRequest(custom_data=custom_data)
    alone.meter_value.add(sampled_value=[sampled], custom_data=_custom_data_of(meter_value))
    return (SIGNED if is_signed else UNSIGNED) + alone.SerializeToString(deterministic=True)


def _custom_data_of(meter_value: MeterValue) -> CustomData | None:
    return meter_value.custom_data if meter_value.HasField("custom_data") else None


class RegisterReading(NamedTuple):
    """The value of an energy register at one time."""

    time: datetime
    rank: int
    """0: its context is Transaction.Begin; 2: Transaction.End; 1: any other."""
    wh: float
    series: int = 0
    """Identifies the register: its location times 8, plus bits of the summed phases (1, 2, 4; 0: a total)."""
    others: Mapping[int, float] | None = None
    """Values in Wh of all registers that were read at the time, by series. None: it is the only one."""

    def of(self, series: int) -> float | None:
        """Return the value of the register of a series in Wh; None if it was not read."""
        if series == self.series:
            return self.wh
        return None if self.others is None else self.others.get(series)


@dataclass(slots=True)
class Measured:
    """Readings in the sampled values of one message."""

    registers: list[RegisterReading] = field(default_factory=list)
    """Readings of the import register by time and rank."""
    exports: list[RegisterReading] = field(default_factory=list)
    """Readings of the export register by time and rank."""
    intervals: list[RegisterReading] = field(default_factory=list)
    """Energy imported in intervals, by the end of the interval."""
    power_w: float | None = None
    """Active power imported, from the latest sample."""
    soc_percent: float | None = None
    first_time: datetime | None = None
    """The earliest time of any sample, whatever it measures."""
    last_time: datetime | None = None


def measured(rows: Sequence[SampleRow]) -> Measured:
    """Return the readings in the samples of one message.

    Values of phases are added up if there is no total (J02). Impossible values, and values with the unit of another
    quantity, are ignored.
    """
    found = Measured()
    if not rows:
        return found
    found.first_time = found.last_time = time = rows[0].sample_time
    groups: dict[int, list[SampleRow]] = {}
    for row in rows:
        if row.sample_time is not time:
            # Each meter value has a time of its own, and most messages have one meter value.
            time = row.sample_time
            found.first_time, found.last_time = min(found.first_time, time), max(found.last_time, time)
        if row.measurand in _COUNTED:
            groups.setdefault(row.measurand, []).append(row)
    if _REGISTER in groups:
        found.registers = _registers(groups[_REGISTER])
    if _EXPORT in groups:
        found.exports = _registers(groups[_EXPORT])
    if _INTERVAL in groups:
        found.intervals = _intervals(groups[_INTERVAL])
    if _POWER in groups:
        found.power_w = _latest_total(groups[_POWER], "W")
    if _SOC in groups:
        found.soc_percent = _latest_total(groups[_SOC], None)
    return found


def _rank(context: int | None) -> int:
    if context == _BEGIN:
        return 0
    return 2 if context == _END else 1


def _by_time(rows: Sequence[SampleRow], *, ranked: bool = True) -> Sequence[tuple[datetime, int, Sequence[SampleRow]]]:
    """Return rows by their time and rank, in the order of both."""
    if len(rows) == 1:
        # The hash of a time takes as long as all else here.
        return [(rows[0].sample_time, _rank(rows[0].context) if ranked else 1, rows)]
    groups: dict[tuple[datetime, int], list[SampleRow]] = {}
    for row in rows:
        groups.setdefault((row.sample_time, _rank(row.context) if ranked else 1), []).append(row)
    return [(*key, groups[key]) for key in sorted(groups)]


def _registers(rows: Sequence[SampleRow], *, ranked: bool = True) -> list[RegisterReading]:
    readings = []
    for time, rank, same in _by_time(rows, ranked=ranked):
        if len(same) == 1 and same[0].phase is None:
            wh = _scaled(same[0], "Wh")
            if wh is not None:
                readings.append(RegisterReading(time, rank, wh, _LOCATIONS.get(same[0].location, 9) * 8))
            continue
        found = _by_series(same)
        if found:
            # The location nearest to the driver comes first, and a total before a sum of phases.
            series = min(found, key=lambda one: (one // 8, one % 8 != 0, -(one % 8).bit_count()))
            readings.append(RegisterReading(time, rank, found[series], series, found if len(found) > 1 else None))
    return readings


def _intervals(rows: Sequence[SampleRow]) -> list[RegisterReading]:
    """Return the energy of intervals by their end; clock-aligned intervals have series of their own."""
    aligned = _registers([row for row in rows if row.context == _CLOCK], ranked=False)
    sampled = _registers([row for row in rows if row.context != _CLOCK], ranked=False)
    found = [*sampled, *(one._replace(series=one.series + ALIGNED) for one in aligned)]
    return sorted(found, key=lambda one: (one.time, one.series))


def _by_series(rows: Sequence[SampleRow]) -> dict[int, float]:
    found: dict[int, float] = {}
    phases: dict[int, dict[int, float]] = {}
    for row in rows:
        value = _scaled(row, "Wh")
        if value is None:
            continue
        location = _LOCATIONS.get(row.location, 9)
        if row.phase is None:
            found[location * 8] = value
        elif row.phase in _PHASES:
            phases.setdefault(location, {})[1 << (_PHASES[row.phase] - 1)] = value
    for location, values in phases.items():
        found |= {location * 8 + phase: value for phase, value in values.items()}
        found[location * 8 + sum(values)] = float(sum(map(exact, values.values())))
    return found


def _latest_total(rows: Sequence[SampleRow], unit: str | None) -> float | None:
    for _, _, same in reversed(_by_time(rows)):
        total = _total(same, unit)
        if total is not None:
            return total
    return None


def _total(rows: Sequence[SampleRow], unit: str | None) -> float | None:
    if len(rows) == 1 and rows[0].phase is None:
        return _scaled(rows[0], unit)
    whole: dict[int, float] = {}
    phases: dict[int, dict[int, float]] = {}
    for row in rows:
        value = _scaled(row, unit)
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
    return whole[location] if location in whole else float(sum(map(exact, phases[location].values())))


def _scaled(row: SampleRow, unit: str | None) -> float | None:
    """Return the value in a unit, rounded only to a double; None if its unit can't be converted.

    If `unit` is None, the value may have any unit.
    """
    value, exponent = row.value, row.multiplier or 0
    if unit is not None and row.unit and row.unit != unit:
        base, factor = base_of(row.unit)
        if base != unit:
            return None
        exponent += factor
    if exponent and isfinite(value):
        if abs(exponent) > _LARGEST_EXPONENT:
            return None
        value = float(exact(value).scaleb(exponent))
    return value if isfinite(value) and abs(value) <= _LARGEST else None
