"""The situation of a station at one time: limits, transactions, profiles and needs, from which a plan is made."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.smart_charging_pb2 import NotifyChargingLimitRequest, NotifyEVChargingNeedsRequest
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_SUSPENDED_EV
from citrine_core.blocks.smart_charging.capacity.loads import WATTS_PER_AMPERE, Installed, Load, worst_case
from citrine_core.blocks.smart_charging.capacity.sharing import LEAST_CURRENT, Budget, Claim
from citrine_core.blocks.smart_charging.checks import EXTERNAL, STATION_MAX, TX, Abilities
from citrine_core.blocks.smart_charging.limits import LimitRepository
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit, Negotiation, ProfileRecord
from citrine_core.blocks.smart_charging.planner import Needs, NotPossible, plan, read_needs
from citrine_core.blocks.smart_charging.records import ACCEPTED, WANTED
from citrine_core.blocks.smart_charging.repository import (
    ChargingContextRepository,
    NegotiationRepository,
    OpenTransaction,
    ProfileRepository,
)
from citrine_core.blocks.smart_charging.schedules import (
    NOMINAL_VOLTAGE,
    Curve,
    Supply,
    constant,
    curve_of_profile,
    curve_of_schedule,
    lowest,
    stacked,
)
from citrine_core.blocks.smart_charging.station_snapshot import read_abilities
from citrine_core.db import UnitOfWork

__all__ = ["TX_DEFAULT", "Running", "Situation", "is_profile_of", "read_situation"]

TX_DEFAULT = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE

HIGHEST_LEVEL = 2**31 - 1
"""Highest stack level that a message can say."""

EXPECTED_TIME = timedelta(minutes=5)
"""How long after a remote start with a profile its transaction is expected to begin."""

_UNITS = (types.CHARGING_RATE_UNIT_ENUM_A, types.CHARGING_RATE_UNIT_ENUM_W)


@dataclass(frozen=True)
class Running:
    """An open transaction on an EVSE."""

    evse_id: int
    transaction_id: str
    load: Load
    """The most that it may draw, by the profiles that the station has or may have."""
    supply: Supply
    phases_known: bool
    claim: Claim
    record: ProfileRecord | None
    """The last planned profile that the station has or may have."""
    has_own: bool
    """True: the station accepted a planned profile."""
    pending: ProfileRecord | None
    """The planned profile that is being sent."""
    level: int | None
    """Stack level of planned profiles. None: an operator's profile is on the highest one."""
    max_periods: int
    has_needs: bool
    is_throttled: bool = False
    """True: it must take no power, because its limit is reached and its station does not stop it."""


@dataclass(frozen=True)
class Situation:
    """The data about one station at one time from which a plan is made."""

    now: datetime
    """The time at second 0 of all curves, a whole second."""
    abilities: Abilities
    budget: Budget
    running: Sequence[Running]
    """Open transactions, the earliest first."""
    expected: Sequence[Load]
    """Loads of transactions that are expected to begin by a remote start with a profile."""
    defaults: Mapping[int, Load]
    """Load of a transaction without a TxProfile, by EVSE; 0 is for unknown EVSEs."""
    free: int | None
    """Number of EVSEs without a transaction. None: not known."""
    most_default: Curve
    default_record: ProfileRecord | None
    """The planned TxDefaultProfile, if the station has it or may have it."""
    default_level: int | None
    default_pending: ProfileRecord | None
    """The planned TxDefaultProfile that is being sent."""
    limited: bool
    """True: there is a capacity or an external limit."""

    @property
    def free_loads(self) -> list[Load]:
        """Loads of the known EVSEs without a transaction."""
        charging = {one.evse_id for one in self.running}
        known = [load for evse_id, load in self.defaults.items() if evse_id and evse_id not in charging]
        return known or ([self.defaults[0]] if self.free is None else [])


@dataclass(frozen=True)
class _Read:
    """The rows of a station from which its situation is derived."""

    now: datetime
    abilities: Abilities
    transactions: Sequence[OpenTransaction]
    rows: Sequence[ProfileRecord]
    needs: Mapping[str, Negotiation]
    capacities: Sequence[Capacity]
    limits: Sequence[ExternalLimit]

    def installed(self, rows: Iterable[ProfileRecord]) -> list[Installed]:
        return [Installed(row.id, types.ChargingProfile.FromString(row.profile), row.state == ACCEPTED) for row in rows]

    def defaults_of(self, evse_id: int) -> list[ProfileRecord]:
        return [row for row in self.rows if row.purpose == TX_DEFAULT and row.evse_id in (0, evse_id)]


async def read_situation(work: UnitOfWork, tenant_id: str, station_id: str, now: datetime) -> Situation:
    """Return the situation of a station, and lock its profiles until the commit.

    Args:
        work: The unit of work to read in.
        tenant_id: Tenant of the station.
        station_id: The station.
        now: The current time.
    """
    now = now.replace(microsecond=0)
    transactions = _on_evses(await ChargingContextRepository(work.session).open_transactions(tenant_id, station_id))
    needs = await NegotiationRepository(work.session).needs_of(
        tenant_id, station_id, [one.transaction_id for one in transactions]
    )
    limits = LimitRepository(work.session)
    read = _Read(
        now,
        await read_abilities(work, tenant_id, station_id),
        transactions,
        await ProfileRepository(work.session).find_possible(tenant_id, station_id, now),
        {row.transaction_id or "": row for row in needs},
        await limits.capacities_of(tenant_id, station_id),
        await limits.find_in_force(tenant_id, station_id),
    )
    return _situation(read)


def _on_evses(latest_first: Sequence[OpenTransaction]) -> list[OpenTransaction]:
    """Return the latest transaction of each EVSE, the earliest first: earlier ones on an EVSE are over."""
    found: dict[int, OpenTransaction] = {}
    for one in latest_first:
        if one.evse_id is not None and one.evse_id > 0:
            found.setdefault(one.evse_id, one)
    return list(reversed(found.values()))


def _situation(read: _Read) -> Situation:
    running = [_running(read, one) for one in read.transactions]
    evse_ids = {*read.abilities.evse_ids, *(one.evse_id for one in running)}
    own = [row for row in read.rows if row.purpose == TX_DEFAULT and row.planned]
    foreign = [row for row in read.rows if row.purpose == TX_DEFAULT and not row.planned]
    of_evses = [_of_evse(read, evse_id, Supply()) for evse_id in sorted(evse_ids | _limited_evses(read))]
    return Situation(
        read.now,
        read.abilities,
        _budget(read),
        running,
        _expected(read),
        {
            evse_id: worst_case([], read.installed(read.defaults_of(evse_id)), read.now)
            for evse_id in {0, *evse_ids, *(row.evse_id for row in foreign)}
        },
        len(read.abilities.evse_ids - {one.evse_id for one in running}) if read.abilities.evse_ids else None,
        lowest([*of_evses, *(_requested([row], read.now, Supply()) for row in foreign)]),
        own[-1] if own else None,
        _level(foreign, read.abilities),
        _pending(own),
        _is_limited(read),
    )


def _pending(own: Sequence[ProfileRecord]) -> ProfileRecord | None:
    return next((row for row in reversed(own) if row.state == WANTED), None)


def _is_limited(read: _Read) -> bool:
    schedules = (NotifyChargingLimitRequest.FromString(limit.request).charging_schedule for limit in read.limits)
    return bool(read.capacities) or any(len(schedule) > 0 for schedule in schedules)


def _running(read: _Read, transaction: OpenTransaction) -> Running:
    evse_id = transaction.evse_id or 0
    rows = [row for row in read.rows if row.purpose == TX and is_profile_of(row, transaction)]
    own, unplanned = [row for row in rows if row.planned], [row for row in rows if not row.planned]
    # A throttle may be cleared at any time, so that profiles beneath it must not exceed the share.
    lasting = [row for row in rows if not row.throttles]
    defaults = [row for row in read.defaults_of(evse_id) if not row.planned]
    needs, message = _needs(read, transaction)
    supply = Supply(phases=3 if needs is None or needs.supply.is_dc else needs.supply.phases)
    is_dc = needs is not None and needs.supply.is_dc
    load = worst_case(
        read.installed(lasting), read.installed(read.defaults_of(evse_id)), read.now, phases=3 if is_dc else 1
    )
    uppers = [_of_evse(read, evse_id, supply), _requested([*unplanned, *defaults], read.now, supply)]
    periods = [most for most in (read.abilities.max_periods, message.max_schedule_tuples) if most]
    return Running(
        evse_id,
        transaction.transaction_id,
        load,
        needs.supply if is_dc and needs is not None else supply,
        needs is not None,
        _claim(read, transaction, needs, uppers, supply, is_dc),
        own[-1] if own else None,
        any(row.state == ACCEPTED for row in own),
        _pending(own),
        _level(unplanned, read.abilities),
        min(periods, default=1024),
        needs is not None,
        any(row.throttles for row in rows),
    )


def _claim(
    read: _Read, transaction: OpenTransaction, needs: Needs | None, uppers: list[Curve], supply: Supply, is_dc: bool
) -> Claim:
    idle = transaction.charging_state == CHARGING_STATE_ENUM_SUSPENDED_EV
    evse_id = transaction.evse_id or 0
    if needs is None:
        return Claim(evse_id, lowest(uppers), idle=idle)
    factor = 1 / WATTS_PER_AMPERE if is_dc else 1.0
    most = lowest([*uppers, constant(needs.max_rate * factor)])
    try:
        planned = plan(needs, [tuple((start, limit / factor) for start, limit in most)], read.now, 1024)
    except NotPossible:
        planned = constant(0.0)
    # Rounded to whole amperes, so that not every watt-hour leads to another schedule.
    wanted = tuple((start, float(math.ceil(limit * factor - 1e-6))) for start, limit in planned)
    least = 1.0 if is_dc else max(needs.min_rate, LEAST_CURRENT)
    per_ampere = WATTS_PER_AMPERE if is_dc else NOMINAL_VOLTAGE * supply.phases
    # A vehicle that wants less than its least current would get nothing.
    floor = lowest([most, constant(least)])
    return Claim(evse_id, lowest([most, _at_least(wanted, floor)]), least, per_ampere, idle)


def _at_least(curve: Curve, floor: Curve) -> Curve:
    points = sorted({start for one in (curve, floor) for start, _ in one})
    return tuple((start, max(_value(curve, start), _value(floor, start))) for start in points)


def _value(curve: Curve, time: float) -> float:
    return next((limit for start, limit in reversed(curve) if start <= time), curve[0][1])


def _needs(read: _Read, transaction: OpenTransaction) -> tuple[Needs | None, NotifyEVChargingNeedsRequest]:
    row = read.needs.get(transaction.transaction_id)
    message = NotifyEVChargingNeedsRequest.FromString(row.needs if row is not None and row.needs else b"")
    if row is None:
        return None, message
    try:
        needs = read_needs(message)
    except NotPossible:
        return None, message
    if row.needs_energy_wh is not None and transaction.energy_wh is not None:
        needs = needs.less(max(0.0, transaction.energy_wh - row.needs_energy_wh))
    return needs, message


def is_profile_of(row: ProfileRecord, transaction: OpenTransaction) -> bool:
    """Return whether a TxProfile is of a transaction."""
    if row.transaction_id is not None:
        return row.transaction_id == transaction.transaction_id
    return row.remote_start_id is not None and row.remote_start_id == transaction.remote_start_id


def _expected(read: _Read) -> list[Load]:
    known = {one.remote_start_id for one in read.transactions}
    return [
        worst_case(read.installed([row]), read.installed(read.defaults_of(row.evse_id)), read.now)
        for row in read.rows
        if row.purpose == TX and row.transaction_id is None and row.remote_start_id not in known
        if row.create_time > read.now - EXPECTED_TIME
    ]


def _level(foreign: Sequence[ProfileRecord], abilities: Abilities) -> int | None:
    """Return a level above those of operators' profiles, so that the planned one applies and theirs remain."""
    most = abilities.max_stack_level
    above = max((row.stack_level + 1 for row in foreign), default=1)
    if most is None:
        return above if above <= HIGHEST_LEVEL else None
    return most if not foreign or above <= most else None


def _requested(rows: Sequence[ProfileRecord], now: datetime, supply: Supply) -> Curve:
    """Return the limits of operators for a transaction: their TxProfiles, else their TxDefaultProfiles."""
    ordered = sorted(rows, key=lambda row: (row.purpose != TX, -row.stack_level, -row.id))
    profiles = [types.ChargingProfile.FromString(row.profile) for row in ordered]
    return stacked([curve_of_profile(profile, now, supply) for profile in profiles if profile.charging_schedule])


def _limited_evses(read: _Read) -> set[int]:
    rows: list[Capacity | ExternalLimit] = [*read.capacities, *read.limits]
    return {row.evse_id for row in rows if row.evse_id}


def _of_evse(read: _Read, evse_id: int, supply: Supply) -> Curve:
    """Return the limits in A of one EVSE, by its capacity and by external limits on it."""
    curves: list[Curve] = []
    for capacity in read.capacities:
        if capacity.evse_id == evse_id and capacity.max_current_a is not None:
            curves.append(constant(capacity.max_current_a))
        if capacity.evse_id == evse_id and capacity.max_power_w is not None:
            curves.append(constant(capacity.max_power_w / (NOMINAL_VOLTAGE * supply.phases)))
    for limit in read.limits:
        if limit.evse_id == evse_id:
            curves += _of_limit(limit, read.now, supply, _UNITS)
    external = [row for row in read.rows if row.purpose == EXTERNAL and row.evse_id == evse_id]
    return lowest([*curves, _of_records(external, read.now, supply, _UNITS)])


def _budget(read: _Read) -> Budget:
    of_station = [capacity for capacity in read.capacities if capacity.evse_id == 0]
    curves: list[Curve] = []
    for unit in _UNITS:
        in_amperes = unit == types.CHARGING_RATE_UNIT_ENUM_A
        supply = Supply(is_dc=not in_amperes)
        found = [capacity.max_current_a if in_amperes else capacity.max_power_w for capacity in of_station]
        limits = [constant(limit) for limit in found if limit is not None]
        for limit in read.limits:
            if limit.evse_id == 0:
                limits += _of_limit(limit, read.now, supply, (unit,))
        for purpose in (STATION_MAX, EXTERNAL):
            rows = [row for row in read.rows if row.purpose == purpose and row.evse_id == 0 and row.state == ACCEPTED]
            limits.append(_of_records(rows, read.now, supply, (unit,)))
        curves.append(lowest(limits))
    return Budget(curves[0], curves[1])


def _of_limit(limit: ExternalLimit, now: datetime, supply: Supply, units: Sequence[int]) -> list[Curve]:
    return [
        curve_of_schedule(
            schedule,
            schedule.start_schedule.ToDatetime(UTC)
            if schedule.HasField("start_schedule")
            else limit.set_time.replace(microsecond=0),
            now,
            supply,
        )
        for schedule in NotifyChargingLimitRequest.FromString(limit.request).charging_schedule
        if schedule.charging_rate_unit in units
    ]


def _of_records(rows: Sequence[ProfileRecord], now: datetime, supply: Supply, units: Sequence[int]) -> Curve:
    ordered = sorted(rows, key=lambda row: (-row.stack_level, -row.id))
    profiles = [types.ChargingProfile.FromString(row.profile) for row in ordered]
    return stacked(
        [
            curve_of_profile(profile, now, supply)
            for profile in profiles
            if profile.charging_schedule and profile.charging_schedule[0].charging_rate_unit in units
        ]
    )
