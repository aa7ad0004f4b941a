"""When an EVSE was not ready to charge, pure: from sessions and reports of its station to spans of time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from citrine.ocpp.v2 import availability_pb2 as ocpp
from citrine_core.resources.statistics.tally import Place, Tally

__all__ = [
    "FAULTED",
    "MEASURE_OF",
    "OFFLINE",
    "UNAVAILABLE",
    "Downtime",
    "Report",
    "Service",
    "Sessions",
    "add_downtime",
    "add_faults",
    "downtimes_of",
]

OFFLINE, FAULTED, UNAVAILABLE = 1, 2, 3
"""Kinds of downtime."""

MEASURE_OF: Mapping[int, str] = {OFFLINE: "offline_ms", FAULTED: "faulted_ms", UNAVAILABLE: "unavailable_ms"}
"""Column of rollups by kind."""

_READY = frozenset(
    {ocpp.CONNECTOR_STATUS_ENUM_AVAILABLE, ocpp.CONNECTOR_STATUS_ENUM_OCCUPIED, ocpp.CONNECTOR_STATUS_ENUM_RESERVED}
)

Sessions = Sequence[tuple[datetime, datetime | None]]
"""When websockets of a station opened and closed. None: it is open."""


class Service(NamedTuple):
    """A span in which an EVSE was in service at one place: a row of `evse_services`."""

    tenant_id: str
    station_id: str
    evse_id: int
    start_time: datetime
    location_id: str
    end_time: datetime | None


class Downtime(NamedTuple):
    """A span in which an EVSE was not ready: a row of `evse_downtimes`."""

    tenant_id: str
    station_id: str
    evse_id: int
    start_time: datetime
    kind: int
    location_id: str
    end_time: datetime | None


class Report(NamedTuple):
    """The status of a connector, from a time on. EVSE 0 is the station, connector 0 the whole of its EVSE."""

    time: datetime
    evse_id: int
    connector_id: int
    status: int


def downtimes_of(
    service: Service,
    since: datetime,
    sessions: Sessions,
    reports: Iterable[Report],
    stored: Sequence[Downtime] = (),
) -> list[Downtime]:
    """Return when an EVSE was not ready within a span in service.

    What a station reported last counts as long as it is offline. An EVSE that is unavailable is so whether its station
    is connected or not; one that is offline is not faulted besides.

    Args:
        service: The span, with the EVSE.
        since: From when on.
        sessions: When its station was connected.
        reports: All reports of its station, also those of before, in the order of their times.
        stored: Downtimes of the EVSE that were found before, in order. They say what it was before the first report
            that is retained.
    """
    begin = max(since, service.start_time)
    found: list[Downtime] = []
    kinds = list(_of_evse(service.evse_id, reports))
    first = kinds[0][0] if kinds else None
    kinds = [one for one in _of_downtimes(stored) if first is None or one[0] < first] + kinds
    for start, end, kind in _spans(begin, service.end_time, sessions, kinds):
        if kind == 0:
            continue
        if found and found[-1].kind == kind and found[-1].end_time == start:
            found[-1] = found[-1]._replace(end_time=end)
        else:
            found.append(Downtime(*service[:3], start, kind, service.location_id, end))
    return found


def add_downtime(tally: Tally, downtime: Downtime, sign: int = 1) -> None:
    """Add a downtime to the rollups, its time only once it ended; with sign -1 take it back."""
    if downtime.end_time is not None:
        place = Place(downtime.tenant_id, downtime.station_id, downtime.location_id)
        tally.add_span(place, MEASURE_OF[downtime.kind], downtime.start_time, downtime.end_time, sign)


def add_faults(tally: Tally, downtimes: Iterable[Downtime], sign: int = 1) -> None:
    """Add how often EVSEs became faulted; with sign -1 take it back.

    An EVSE that is faulted on, at another place or as its station comes back, is so once.
    """
    before: Downtime | None = None
    is_faulted = False
    for one in sorted(downtimes):
        if before is None or one[:3] != before[:3] or one.start_time != before.end_time:
            is_faulted = False
        if one.kind == FAULTED and not is_faulted:
            tally.add(Place(one.tenant_id, one.station_id, one.location_id), one.start_time, {"faults": sign})
        is_faulted = one.kind == FAULTED or (is_faulted and one.kind == OFFLINE)
        before = one


def _of_evse(evse_id: int, reports: Iterable[Report]) -> Iterator[tuple[datetime, int]]:
    """Yield from when on an EVSE was faulted, unavailable or neither (0), by what is reported of it."""
    statuses: dict[tuple[int, int], tuple[int, int]] = {}
    is_known = False
    for number, report in enumerate(reports):
        if report.evse_id in (0, evse_id):
            statuses[report.evse_id, report.connector_id] = (number, report.status)
            # A station that is ready as a whole says nothing of its EVSE.
            is_known = is_known or report.evse_id > 0 or report.status not in _READY
            if is_known:
                yield report.time, _kind(statuses)


def _of_downtimes(stored: Sequence[Downtime]) -> Iterator[tuple[datetime, int]]:
    """Yield the same by what was found before. What it is behind a time offline, it was before."""
    for place, one in enumerate(stored):
        if one.kind != OFFLINE:
            yield one.start_time, one.kind
        following = stored[place + 1].start_time if place + 1 < len(stored) else None
        if one.end_time is not None and one.end_time != following:
            yield one.end_time, 0


def _kind(statuses: Mapping[tuple[int, int], tuple[int, int]]) -> int:
    connectors = [one for (_, connector_id), one in statuses.items() if connector_id > 0]
    newest = max((number for number, _ in connectors), default=-1)
    # A report on the whole counts for its connectors until they report again (as for the status of an EVSE).
    wholes = [
        status
        for (_, connector_id), (number, status) in statuses.items()
        if connector_id == 0 and number > newest and status not in _READY
    ]
    found = wholes or [status for _, status in connectors]
    if not found or any(status in _READY for status in found):
        return 0
    return FAULTED if ocpp.CONNECTOR_STATUS_ENUM_FAULTED in found else UNAVAILABLE


def _spans(
    begin: datetime, end: datetime | None, sessions: Sessions, kinds: Iterable[tuple[datetime, int]]
) -> Iterator[tuple[datetime, datetime | None, int]]:
    """Yield spans from begin to end with what the EVSE was in each of them."""
    turns: list[tuple[datetime, int, int]] = [(time, 1, kind) for time, kind in kinds]
    for opened, closed in sessions:
        turns.append((opened, 2, 1))
        if closed is not None:
            turns.append((closed, 2, -1))
    kind = 0
    is_open = 0
    at = begin
    for time, what, value in sorted(turns, key=lambda turn: turn[0]):
        if end is not None and time >= end:
            break
        if time > at:
            yield at, time, _effective(kind, is_open)
            at = time
        if what == 1:
            kind = value
        else:
            is_open += value
    if end is None or at < end:
        yield at, end, _effective(kind, is_open)


def _effective(kind: int, is_open: int) -> int:
    if kind == UNAVAILABLE:
        return UNAVAILABLE
    return kind if is_open > 0 else OFFLINE
