"""The stage that stores refusals of edges, and publishes new ones."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from citrine.api.v1 import reports_pb2
from citrine.api.v1.refusals_pb2 import RefusalOutcome
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1.events_pb2 import Event, MessagesRefused
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Item
from citrine_core.resources.refusals.protos import outcome_word
from citrine_core.resources.refusals.repository import RefusalKey, RefusalRepository, ToleranceRepository
from citrine_core.resources.reports.runs import part_refused
from citrine_core.resources.stations.repository import StationRepository

__all__ = ["RefusalsStage"]

logger = logging.getLogger(__name__)

MAX_PER_STATION = 100
"""Largest number of rows of one station; further kinds are counted together, by outcome."""

MOST_REMEDIES = 10
"""Most kinds of tolerance that are stored with a refusal."""

REMINDED = timedelta(hours=1)
"""Time without an occurrence after which the next one is published by an event again."""

_OTHERS = "*"

_REPORTS: Mapping[str, "reports_pb2.ReportKind.ValueType"] = {
    "NotifyReport": reports_pb2.REPORT_KIND_DEVICE_MODEL,
    "NotifyMonitoringReport": reports_pb2.REPORT_KIND_MONITORING,
    "NotifyCustomerInformation": reports_pb2.REPORT_KIND_CUSTOMER_INFORMATION,
    "ReportChargingProfiles": reports_pb2.REPORT_KIND_CHARGING_PROFILES,
    "NotifyDisplayMessages": reports_pb2.REPORT_KIND_DISPLAY_MESSAGES,
}

ObserveRefusals = Callable[[str, str, int], None]
"""Called with an outcome, a code, and the number of messages."""

Rows: TypeAlias = dict[RefusalKey, dict[str, Any]]


class RefusalsStage:
    """Handles refusals reported by edges: counted by station, and published once."""

    kinds = (link.Refusals,)

    def __init__(self, clock: Clock, observe: ObserveRefusals) -> None:
        self._clock = clock
        self._observe = observe

    def writes(self, item: Item) -> bool:
        """Return True: counts are written."""
        return True

    def forget_in_outage(self, item: Item) -> bool:
        """Return False: the edge does not resend it."""
        return False

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Store the reports, by a handful of statements for each tenant."""
        by_tenant: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            by_tenant[item.tenant_id].append(item)
        for tenant_id, group in by_tenant.items():
            await self._of_tenant(work, tenant_id, group)

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Drop it: further occurrences are reported again."""

    async def _of_tenant(self, work: UnitOfWork, tenant_id: str, items: Sequence[Item]) -> None:
        repository = RefusalRepository(work.session)
        # A station that was deleted meanwhile must leave nothing to the next one with its id.
        stations = await StationRepository(work.session).ids_among(tenant_id, {item.station_id for item in items})
        rows = _rows(tenant_id, [item for item in items if item.station_id in stations])
        known = await repository.find_all(tenant_id, list(rows))
        if len(known) < len(rows):
            rows = _limited(rows, known, await repository.counts_of(tenant_id, stations))
            known.update(await repository.find_all(tenant_id, [key for key in rows if key not in known]))
        await repository.add_all(list(rows.values()))
        for key, row in rows.items():
            count, last_time = known.get(key, (0, None))
            if last_time is None or row["first_time"] - last_time >= REMINDED:
                work.emit(_event(row, count + row["count"]))
            word, code = outcome_word(row["outcome"]).lower(), row["code"]
            work.after_commit(partial(self._observe, word, "other" if code in ("", _OTHERS) else code, row["count"]))
        await ToleranceRepository(work.session).use_all(_uses(rows))
        await self._end_reports(work, tenant_id, [item for item in items if item.station_id in stations])

    async def _end_reports(self, work: UnitOfWork, tenant_id: str, items: Sequence[Item]) -> None:
        now = self._clock()
        for item in items:
            for refusal in item.content.refusals:
                kind = _REPORTS.get(refusal.action)
                if kind is None or refusal.outcome != link.Refusal.OUTCOME_REFUSED or not refusal.request_ids:
                    continue
                problem = f"{refusal.code} {refusal.description}"
                await part_refused(work, tenant_id, item.station_id, kind, refusal.request_ids, problem, now)


def _rows(tenant_id: str, items: Sequence[Item]) -> Rows:
    rows: Rows = {}
    for item in items:
        for refusal in item.content.refusals:
            row = _row(tenant_id, item.station_id, refusal)
            _add(rows, _key(row), row)
    return rows


def _row(tenant_id: str, station_id: str, refusal: link.Refusal) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "station_id": station_id,
        # The numbers are those of the API.
        "outcome": int(refusal.outcome),
        "action": _text(refusal.action, 70),
        "event_type": _text(refusal.event_type, 20),
        "code": _text(refusal.code, 50),
        "path": _text(refusal.path, 200),
        "rule_id": _text(refusal.rule_id, 50),
        "description": _text(refusal.description, 255),
        "count": max(refusal.count, 1),
        "first_time": _time(refusal.first_time),
        "last_time": _time(refusal.last_time),
        "last_frame": _text(refusal.last_frame, 2000),
        "remedies": " ".join(str(int(kind)) for kind in sorted(set(refusal.remedies))[:MOST_REMEDIES]),
    }


def _add(rows: Rows, key: RefusalKey, row: dict[str, Any]) -> None:
    """Merge a row into those of a batch, which have one per key."""
    other = rows.get(key)
    if other is not None:
        row["count"] += other["count"]
        row["first_time"] = min(row["first_time"], other["first_time"])
    rows[key] = row


def _limited(rows: Rows, known: Mapping[RefusalKey, object], counts: Mapping[str, int]) -> Rows:
    """Return the rows, with those above the limit of a station merged into one per outcome."""
    left = {station_id: MAX_PER_STATION - count for station_id, count in counts.items()}
    limited: Rows = {}
    for key, row in rows.items():
        if key not in known:
            left[row["station_id"]] = left.get(row["station_id"], MAX_PER_STATION) - 1
            if left[row["station_id"]] < 0:
                row.update(action=_OTHERS, event_type="", code=_OTHERS, path="", rule_id="")
        _add(limited, _key(row), row)
    return limited


def _uses(rows: Rows) -> dict[tuple[str, str], tuple[int, datetime]]:
    uses: dict[tuple[str, str], tuple[int, datetime]] = {}
    for row in rows.values():
        if row["rule_id"]:
            key = (row["tenant_id"], row["rule_id"])
            count, time = uses.get(key, (0, row["last_time"]))
            uses[key] = (count + row["count"], max(time, row["last_time"]))
    return uses


def _event(row: Mapping[str, Any], count: int) -> Event:
    logger.info("messages are refused", extra={"station_id": row["station_id"], "action": row["action"]})
    body = MessagesRefused(
        outcome=RefusalOutcome.ValueType(row["outcome"]),
        action=row["action"],
        event_type=TransactionEventEnum.ValueType(number_of(TransactionEventEnum, row["event_type"]) or 0),
        code=row["code"],
        path=row["path"],
        description=row["description"],
        count=count,
    )
    return Event(tenant_id=row["tenant_id"], station_id=row["station_id"], messages_refused=body)


def _key(row: Mapping[str, Any]) -> RefusalKey:
    return (
        row["station_id"], row["outcome"], row["action"], row["event_type"], row["code"], row["path"], row["rule_id"]
    )  # fmt: skip


def _text(text: str, most: int) -> str:
    # PostgreSQL can't hold NUL.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:most]


def _time(timestamp: Any) -> datetime:
    time: datetime = timestamp.ToDatetime(UTC)
    return time
