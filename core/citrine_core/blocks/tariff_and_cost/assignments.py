"""Selection of the tariff that applies to a transaction, by station, token and time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from citrine_core.blocks.tariff_and_cost.models import ANY_LABELLED
from citrine_core.blocks.tariff_and_cost.repository import TariffRepository, VersionKey
from citrine_core.db import UnitOfWork
from citrine_core.resources.locations.queries import NOWHERE, Place, find_places
from citrine_core.resources.stations.tags import read_labels
from citrine_core.resources.tokens import TokenRepository, lookup_of, type_of

__all__ = ["Subject", "find_tariffs"]

LONGEST_OUTAGE = timedelta(days=30)
"""Longest plausible time from the start of a transaction to its first report; above it, the clock was wrong."""


@dataclass(frozen=True)
class Subject:
    """A transaction, or a request to start one, for which a tariff is looked up."""

    station_id: str
    evse_id: int | None
    id_token: str | None
    id_token_type: str | None
    start: datetime | None
    """When it began, by the clock of the station. None: not known."""
    heard: datetime
    """When it was first reported, by the clock of the core."""

    @cached_property
    def key(self) -> str:
        """The properties that determine its tariff, as text."""
        start = self.start.isoformat() if self.start is not None else ""
        return f"{start}|{self.evse_id or 0}|{self.kind}|{self.lookup}"

    @property
    def lookup(self) -> str:
        """The normalised spelling of the token."""
        return lookup_of(self.id_token or "", self.id_token_type or "")

    @property
    def kind(self) -> str:
        """The token's type in the spelling of OCPP."""
        return type_of(self.id_token_type or "")

    @property
    def begins(self) -> datetime:
        """The time whose prices apply. A wrong clock of a station must not select prices of the past or future."""
        start = self.start
        return start if start is not None and self.heard - LONGEST_OUTAGE <= start <= self.heard else self.heard


async def find_tariffs(work: UnitOfWork, tenant_id: str, subjects: Sequence[Subject]) -> list[VersionKey | None]:
    """Return the tariff of each subject, in the version that was current when it began; None if none applies.

    The assignments in force when a subject was first reported decide. Therefore the lookup may be repeated when more is
    known about a subject, and later assignments change nothing.

    It executes four statements for any number of subjects.
    """
    if not subjects:
        return []
    repository = TariffRepository(work.session)
    tokens = {(one.id_token, one.id_token_type or "") for one in subjects if one.id_token}
    known = await TokenRepository(work.session).find_all(tenant_id, tokens) if tokens else {}
    groups = {key: token.group_id for key, token in known.items()}
    known_places = await find_places(work.session, tenant_id, {one.station_id for one in subjects})
    places = [known_places.get(one.station_id, NOWHERE).at(one.begins) for one in subjects]
    assigned = await repository.find_assignments(
        tenant_id,
        {one.station_id for one in subjects},
        {one.lookup for one in subjects},
        set(groups.values()),
        places=places,
        first=min(one.heard for one in subjects),
    )
    if not assigned:
        return [None] * len(subjects)
    versions: dict[str, list[Any]] = {}
    since = min(one.begins for one in subjects)
    for row in await repository.find_versions(tenant_id, {row.tariff_id for row in assigned}, since):
        versions.setdefault(row.tariff_id, []).append(row)
    chosen = [
        _choose(
            one,
            groups.get((one.id_token or "", one.id_token_type or ""), ""),
            place,
            assigned,
            versions,
        )
        for one, place in zip(subjects, places, strict=True)
    ]
    return [
        None if key is None else key._replace(time_zone=place.time_zone)
        for place, key in zip(places, chosen, strict=True)
    ]


def _choose(
    subject: Subject, group: str, place: Place, assigned: Iterable[Any], versions: Mapping[str, Sequence[Any]]
) -> VersionKey | None:
    best: tuple[Any, ...] | None = None
    chosen: VersionKey | None = None
    for row in assigned:
        if not _is_in_force(row, subject.heard) or not _fits(row, subject, group, place):
            continue
        version = _version_at(versions.get(row.tariff_id, ()), subject.begins)
        if version is None or not _is_valid(version, subject.begins):
            continue
        whose = 2 if row.id_token_lookup else 1 if row.group_id else 0
        labels = len(read_labels(row.station_labels))
        where = (
            bool(row.evse_id),
            row.station_id not in ("", ANY_LABELLED),
            bool(row.location_id),
            labels,
            bool(row.station_group),
        )
        times = [time.timestamp() for time in (version.valid_from, row.from_time) if time is not None]
        since = max(times, default=float("-inf"))
        rank = (whose, where, since, row.id)
        if best is None or rank > best:
            best, chosen = rank, VersionKey(version.tariff_id, version.version)
    return chosen


def _is_in_force(row: Any, time: datetime) -> bool:
    """Return whether an assignment was in force at a time. It does not apply to transactions that began before it."""
    return (
        row.create_time <= time
        and (row.from_time is None or row.from_time <= time)
        and (row.to_time is None or time < row.to_time)
    )


def _fits(row: Any, subject: Subject, group: str, place: Place) -> bool:
    return (
        row.station_id in ("", ANY_LABELLED, subject.station_id)
        and row.location_id in ("", place.location_id)
        and row.station_group in ("", *place.groups)
        and read_labels(row.station_labels).items() <= place.labels.items()
        and row.evse_id in (0, subject.evse_id)
        and row.id_token_lookup in ("", subject.lookup)
        and row.id_token_type in ("", subject.kind)
        and row.group_id in ("", group)
    )


def _version_at(versions: Sequence[Any], time: datetime) -> Any:
    """Return the version that was current at a time; before the first version, the first."""
    older = [one for one in versions if one.create_time <= time]
    if older:
        return max(older, key=lambda one: one.version)
    return min(versions, key=lambda one: one.version, default=None)


def _is_valid(version: Any, time: datetime) -> bool:
    return (version.valid_from is None or version.valid_from <= time) and (
        version.valid_to is None or time < version.valid_to
    )
