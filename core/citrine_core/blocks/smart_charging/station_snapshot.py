"""The data about a station that checks of profiles and plans of schedules use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.provisioning_pb2 import ATTRIBUTE_ENUM_ACTUAL, VariableCharacteristics
from citrine.ocpp.v2.smart_charging_pb2 import NotifyChargingLimitRequest, NotifyEVChargingNeedsRequest
from citrine_core.blocks.provisioning import ReportedVariable
from citrine_core.blocks.smart_charging.checks import EXTERNAL, STATION_MAX, TX, Abilities
from citrine_core.blocks.smart_charging.conflicts import Installed
from citrine_core.blocks.smart_charging.limits import LimitRepository
from citrine_core.blocks.smart_charging.models import Capacity, ExternalLimit, ProfileRecord
from citrine_core.blocks.smart_charging.repository import (
    ChargingContextRepository,
    NegotiationRepository,
    OpenTransaction,
    ProfileRepository,
)
from citrine_core.blocks.smart_charging.schedules import (
    DEFAULT_PHASES,
    Curve,
    Supply,
    constant,
    curve_of_profile,
    curve_of_schedule,
    stacked,
)
from citrine_core.db import UnitOfWork

__all__ = ["StationSnapshot", "abilities_of", "limits_on", "read_abilities", "read_snapshot"]

_TRUE = "true"

_LARGEST = 2**31 - 1
"""What OCPP's integers hold."""


@dataclass(frozen=True)
class StationSnapshot:
    """The data about one station at one time."""

    abilities: Abilities
    transactions: Sequence[OpenTransaction]
    records: Sequence[ProfileRecord]
    """Profiles that are installed on the station or being sent."""
    negotiated: Mapping[str, int | None]
    """maxScheduleTuples of the transactions whose vehicle reported its needs; None: not reported."""

    def transaction_on(self, evse_id: int) -> OpenTransaction | None:
        """Return the open transaction on an EVSE.

        If there is none, and one single open transaction has no EVSE, because some stations report none, it is that.
        """
        on_evse = next((found for found in self.transactions if found.evse_id == evse_id), None)
        anywhere = [replace(found, evse_id=evse_id) for found in self.transactions if found.evse_id is None]
        return on_evse or (anywhere[0] if len(anywhere) == 1 else None)

    def installed(self) -> list[Installed]:
        """Return the profiles in the form that the rules check."""
        return [
            Installed(
                row.profile_id,
                row.evse_id,
                row.purpose,
                row.stack_level,
                row.transaction_id or "",
                types.ChargingProfile.FromString(row.profile),
            )
            for row in self.records
        ]

    def profiles_of(self, transaction_id: str) -> list[ProfileRecord]:
        """Return the TxProfiles of a transaction, highest stack level first, and the latest of a level."""
        found = [row for row in self.records if row.purpose == TX and row.transaction_id == transaction_id]
        return sorted(found, key=lambda row: (-row.stack_level, -row.id))


async def read_snapshot(work: UnitOfWork, tenant_id: str, station_id: str, now: datetime) -> StationSnapshot:
    """Read the current snapshot of a station."""
    transactions = await ChargingContextRepository(work.session).open_transactions(tenant_id, station_id)
    needs = await NegotiationRepository(work.session).needs_of(
        tenant_id, station_id, [transaction.transaction_id for transaction in transactions]
    )
    return StationSnapshot(
        await read_abilities(work, tenant_id, station_id),
        transactions,
        await ProfileRepository(work.session).find_active(tenant_id, station_id, now),
        {row.transaction_id or "": _tuples(row.needs) for row in needs},
    )


async def read_abilities(work: UnitOfWork, tenant_id: str, station_id: str) -> Abilities:
    """Return the smart charging capabilities of a station."""
    return abilities_of(await ChargingContextRepository(work.session).variables(tenant_id, station_id))


def _tuples(needs: bytes | None) -> int | None:
    request = NotifyEVChargingNeedsRequest.FromString(needs or b"")
    return request.max_schedule_tuples if request.max_schedule_tuples > 0 else None


def abilities_of(rows: Iterable[ReportedVariable]) -> Abilities:
    """Return the smart charging capabilities in a device model; an unreadable value counts as not known."""
    values: dict[str, str] = {}
    switching: dict[int, bool] = {}
    evses: set[int] = set()
    max_profiles = None
    for row in rows:
        name = row.variable.casefold()
        if row.component.casefold() == "evse":
            if row.evse_id > 0:
                evses.add(row.evse_id)
            continue
        if name == "acphaseswitchingsupported" and row.value is not None:
            switching[max(0, row.evse_id)] = row.value.casefold() == _TRUE
        elif name == "entries" and row.variable_instance.casefold() == "chargingprofiles":
            limit = VariableCharacteristics.FromString(row.characteristics or b"")
            max_profiles = int(limit.max_limit) if limit.HasField("max_limit") else None
        elif row.attribute == ATTRIBUTE_ENUM_ACTUAL and row.value is not None:
            values[name] = row.value
    # The names of variables in part 2, and those in OCPP 1.6 and in the requirements of K01.
    return Abilities(
        evse_ids=frozenset(evses),
        max_stack_level=_number(values.get("profilestacklevel") or values.get("chargingprofilemaxstacklevel")),
        rate_units=_units(values.get("rateunit") or values.get("chargingschedulechargingrateunit") or ""),
        max_periods=_number(values.get("periodsperschedule")),
        max_profiles=max_profiles,
        phase_switching=switching,
        enabled=values.get("enabled", _TRUE).casefold() == _TRUE and values.get("available", _TRUE).casefold() == _TRUE,
    )


def _number(text: str | None) -> int | None:
    try:
        number = int(float(text or ""))
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= _LARGEST else None


def _units(text: str) -> frozenset[int]:
    known = {
        "a": types.CHARGING_RATE_UNIT_ENUM_A,
        "current": types.CHARGING_RATE_UNIT_ENUM_A,
        "w": types.CHARGING_RATE_UNIT_ENUM_W,
        "power": types.CHARGING_RATE_UNIT_ENUM_W,
    }
    names = {name.strip().casefold() for name in text.split(",")}
    return frozenset(unit for name, unit in known.items() if name in names)


async def limits_on(
    work: UnitOfWork,
    tenant_id: str,
    station_id: str,
    transaction: OpenTransaction,
    snapshot: StationSnapshot,
    supply: Supply,
    now: datetime,
    *,
    shared: bool = True,
) -> list[Curve]:
    """Return the limits of a transaction from now on, without those of its own plan.

    With `shared`, limits of the station are divided evenly among its open transactions.
    """
    limits = LimitRepository(work.session)
    sharing = sum(not one.orphaned for one in snapshot.transactions) if shared else 1
    evse_id, share = transaction.evse_id or 0, max(1, sharing)
    curves: list[Curve] = []
    for capacity in await limits.capacities_of(tenant_id, station_id):
        if capacity.evse_id in (0, evse_id):
            curves += [_shared(curve, capacity.evse_id, share) for curve in _of_capacity(capacity, supply)]
    for limit in await limits.find_in_force(tenant_id, station_id):
        if limit.evse_id in (0, evse_id):
            curves += [_shared(curve, limit.evse_id, share) for curve in _of_external(limit, supply, now)]
    for purpose in (STATION_MAX, EXTERNAL):
        for at in {0, evse_id}:
            rows = [row for row in snapshot.records if (row.purpose, row.evse_id) == (purpose, at)]
            curves.append(_shared(_of_records(rows, supply, now), at, share))
    # Profiles that an operator set for this transaction limit the plan; those of an earlier plan don't.
    unplanned = [row for row in snapshot.profiles_of(transaction.transaction_id) if not row.planned]
    return [*curves, _of_records(unplanned, supply, now)]


def _of_capacity(capacity: Capacity, supply: Supply) -> Iterable[Curve]:
    if capacity.max_current_a is not None:
        yield constant(supply.rate(capacity.max_current_a, types.CHARGING_RATE_UNIT_ENUM_A, DEFAULT_PHASES))
    if capacity.max_power_w is not None:
        yield constant(supply.rate(capacity.max_power_w, types.CHARGING_RATE_UNIT_ENUM_W, supply.phases))


def _of_external(limit: ExternalLimit, supply: Supply, now: datetime) -> Iterable[Curve]:
    for schedule in NotifyChargingLimitRequest.FromString(limit.request).charging_schedule:
        starts = schedule.HasField("start_schedule")
        begin = schedule.start_schedule.ToDatetime(UTC) if starts else limit.set_time
        yield curve_of_schedule(schedule, begin, now, supply)


def _of_records(rows: Sequence[ProfileRecord], supply: Supply, now: datetime) -> Curve:
    ordered = sorted(rows, key=lambda row: (-row.stack_level, -row.id))
    profiles = [types.ChargingProfile.FromString(row.profile) for row in ordered]
    return stacked([curve_of_profile(profile, now, supply) for profile in profiles if profile.charging_schedule])


def _shared(curve: Curve, evse_id: int, share: int) -> Curve:
    return curve if evse_id else tuple((start, limit / share) for start, limit in curve)
