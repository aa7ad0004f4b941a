"""Counts what is marked: transactions, states of EVSEs and failures of one tenant, by few statements."""

from collections.abc import Collection, Mapping
from datetime import datetime

from citrine_core.background import defect
from citrine_core.blocks.availability.queries import find_first_reports, find_reported_evses, find_status_history
from citrine_core.blocks.transactions.queries import find_rows
from citrine_core.db import UnitOfWork
from citrine_core.resources.charge_records.queries import find_latest_records
from citrine_core.resources.connections.queries import find_close_times, find_first_sessions, find_sessions
from citrine_core.resources.stations.queries import find_locations
from citrine_core.resources.statistics.counted import add_counted, counted_of
from citrine_core.resources.statistics.downtimes import (
    Downtime,
    Report,
    Service,
    add_downtime,
    add_faults,
    downtimes_of,
)
from citrine_core.resources.statistics.marks import Marks
from citrine_core.resources.statistics.repository import StatisticsRepository
from citrine_core.resources.statistics.tally import Place, Tally

__all__ = ["count_marks"]

MOST_SUMS = 5000
"""Of how many rollups sums are gathered before they are stored, and others have their turn."""

Evse = tuple[str, int]


async def count_marks(work: UnitOfWork, tenant_id: str, marks: Marks, now: datetime) -> None:
    """Count what is marked of one tenant; what is counted anew replaces what was counted of it before.

    The caller has the cursor locked.
    """
    tally = Tally()
    station_ids = {*marks.stations, *(one[0] for one in marks.transactions), *(one[0] for one in marks.failures)}
    locations = await find_locations(work.session, tenant_id, station_ids)
    if marks.transactions:
        await _count_transactions(work, tenant_id, marks.transactions, locations, tally)
    if marks.stations:
        await _States(work, tenant_id, marks, locations, now).count(tally)
    for station_id, time, measure in marks.failures:
        tally.add(Place(tenant_id, station_id, locations.get(station_id) or ""), time, {measure: 1})
    await StatisticsRepository(work.session).add(tally)


async def _count_transactions(
    work: UnitOfWork,
    tenant_id: str,
    keys: Collection[tuple[str, str]],
    locations: Mapping[str, str | None],
    tally: Tally,
) -> None:
    repository = StatisticsRepository(work.session)
    rows = await find_rows(work.session, tenant_id, keys)
    records = await find_latest_records(work.session, tenant_id, keys)
    before = await repository.find_counted(tenant_id, keys)
    changed = []
    for key in sorted(rows):
        try:
            counted = counted_of(rows[key], records.get(key), before.get(key), locations.get(key[0]) or "")
        except (ArithmeticError, ValueError) as error:
            # Of one transaction that cannot be counted, all others would wait for ever.
            defect("statistics", error)
            continue
        if (old := before.get(key)) == counted:
            continue
        if old is not None:
            add_counted(tally, old, -1)
        add_counted(tally, counted)
        changed.append(counted)
        if len(tally) >= MOST_SUMS:
            await repository.add(tally)
    await repository.put_counted(changed)


class _States:
    """Counts the states of the EVSEs of stations anew, each from a time on."""

    def __init__(
        self, work: UnitOfWork, tenant_id: str, marks: Marks, locations: Mapping[str, str | None], now: datetime
    ) -> None:
        self._session = work.session
        self._repository = StatisticsRepository(work.session)
        self._tenant_id = tenant_id
        self._marks = marks
        self._locations = locations
        self._now = now
        self._since = dict(marks.stations)

    async def count(self, tally: Tally) -> None:
        """Count, with about ten statements, however many they are."""
        closed = await find_close_times(self._session, self._tenant_id, list(self._marks.closed))
        for (station_id, _), time in closed.items():
            self._begin_at(station_id, time)
        services = await self._repository.find_services(self._tenant_id, list(self._since))
        evses = await find_reported_evses(self._session, self._tenant_id, list(self._since))
        put = self._placed(services) + await self._new(services, evses)
        await self._repository.put_services(put)
        for changed in put:
            self._begin_at(changed.station_id, changed.end_time or changed.start_time)
        stored = await self._stored()
        history = await find_status_history(self._session, self._tenant_id, self._since)
        sessions = await find_sessions(self._session, self._tenant_id, list(self._since), min(self._since.values()))
        known: dict[Evse, list[Downtime]] = {}
        for one in sorted(stored):
            known.setdefault((one.station_id, one.evse_id), []).append(one)
        new: list[Downtime] = []
        for key, spans in services.items():
            since = self._since[key[0]]
            reports = [Report(*one) for one in history.get(key[0], ())]
            for service in spans:
                if service.end_time is None or service.end_time > since:
                    new += downtimes_of(service, since, sessions.get(key[0], ()), reports, known.get(key, ()))
        await self._replace(stored, new, tally)

    def _begin_at(self, station_id: str, time: datetime) -> None:
        self._since[station_id] = min(time, self._since.get(station_id, time))

    def _placed(self, services: dict[Evse, list[Service]]) -> list[Service]:
        """End what is in service at another location, or of a station that was removed; return what changes."""
        changed = []
        for spans in services.values():
            last = spans[-1]
            location_id = self._locations.get(last.station_id) or ""
            exists = last.station_id in self._locations
            if last.end_time is not None or (exists and last.location_id == location_id):
                continue
            time = max(self._marks.changed.get(last.station_id, self._now), last.start_time)
            spans[-1] = last._replace(end_time=time)
            changed.append(spans[-1])
            if exists and time > last.start_time:
                spans.append(Service(*last[:3], time, location_id, None))
                changed.append(spans[-1])
            elif exists:
                spans[-1] = last._replace(location_id=location_id)
                changed[-1] = spans[-1]
        return changed

    async def _new(self, services: dict[Evse, list[Service]], evses: set[Evse]) -> list[Service]:
        """Have EVSEs that are reported for the first time be in service."""
        wanted = {
            key
            for key in evses
            if key[0] in self._locations and (key not in services or services[key][-1].end_time is not None)
        }
        if not wanted:
            return []
        first = await find_first_reports(self._session, self._tenant_id, wanted)
        # What is known of before the first session that is retained is not known to be a downtime.
        opened = await find_first_sessions(self._session, self._tenant_id, {key[0] for key in wanted})
        added = []
        for key in sorted(wanted):
            time, spans = max(first.get(key, self._now), opened.get(key[0], self._now)), services.setdefault(key, [])
            if spans and spans[-1].end_time is not None:
                time = max(time, spans[-1].end_time)
            spans.append(Service(self._tenant_id, *key, time, self._locations.get(key[0]) or "", None))
            added.append(spans[-1])
        return added

    async def _stored(self) -> list[Downtime]:
        """Return the downtimes that are stored from these times on; the times go back to where they begin."""
        while True:
            stored = await self._repository.find_downtimes(
                self._tenant_id, list(self._since), min(self._since.values())
            )
            found = [
                one
                for spans in stored.values()
                for one in spans
                if one.end_time is None or one.end_time >= self._since[one.station_id]
            ]
            before = dict(self._since)
            for one in found:
                self._begin_at(one.station_id, one.start_time)
            if self._since == before:
                return found

    async def _replace(self, stored: list[Downtime], new: list[Downtime], tally: Tally) -> None:
        add_faults(tally, stored, -1)
        add_faults(tally, new)
        old, wanted = set(stored), set(new)
        for one in old ^ wanted:
            add_downtime(tally, one, -1 if one in old else 1)
            if len(tally) >= MOST_SUMS:
                await self._repository.add(tally)
        await self._repository.replace_downtimes(sorted(old - wanted), sorted(wanted - old))
