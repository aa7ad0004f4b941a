"""Refused and dropped messages of stations, counted here and reported to the cores periodically."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import ACTIONS, OLDER_ACTIONS
from citrine_edge.clock import Clock, timestamp
from citrine_edge.masking import observable
from citrine_edge.metrics import Metrics
from citrine_edge.ocppj import Call, Frame, RpcError, Tolerance, elements_of
from citrine_edge.ocppj.errors import clip
from citrine_edge.tolerances import KINDS

__all__ = ["Offer", "Refusals"]

_logger = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between reports."""

MAX_PER_STATION = 20
"""Kinds of refusals of one station that are distinguished in a report; further ones count as one kind."""

MAX_STATIONS = 500
"""Stations in one report; the others wait for the next."""

MAX_WAITING = 4000
"""Stations that may wait while no core accepts reports. Refusals of further ones appear in the metrics only."""

MAX_FRAME = 2000
"""Characters of a frame that are reported."""

MAX_UNMASKED = 16 * 1024
"""Largest frame, in bytes, that is retained as it is until the report; larger ones are cut at once."""

MAX_REQUESTS = 20
"""Reports named in one refusal."""

_NUMBER = re.compile(r"(?<=/)\d+(?=/|$)")

_REPORT_PARTS = frozenset(
    {
        *("NotifyReport", "NotifyMonitoringReport", "NotifyCustomerInformation"),
        *("ReportChargingProfiles", "NotifyDisplayMessages"),
    }
)
"""Actions that are parts of a report."""

_EVENT_TYPES = frozenset({"Started", "Updated", "Ended"})

_Key = tuple[int, str, str, str, str, str]

_OTHERS = ("*", "", "*", "", "")

Offer = Callable[[tuple[str, str], bytes], bool]
"""Sends an item to the core of a station, given by tenant and id; returns False where it can't be sent now."""


@dataclass(slots=True)
class _Count:
    first_time: Timestamp
    last_time: Timestamp
    count: int = 0
    description: str = ""
    frame: bytes | str = b""
    request_ids: set[int] = field(default_factory=set)
    remedies: Collection[str] = ()


@dataclass(slots=True)
class _Station:
    session: pb.SessionRef
    counts: dict[_Key, _Count] = field(default_factory=dict)


class Refusals:
    """Counts by station, outcome, action, code and path, so that a flood costs the core no more than a trickle."""

    def __init__(self, metrics: Metrics, loop: asyncio.AbstractEventLoop, clock: Clock = time.time_ns) -> None:
        self._metrics = metrics
        self._loop = loop
        self._clock = clock
        self._stations: dict[tuple[str, str], _Station] = {}
        self._reported = loop.time()

    def add(
        self,
        session: pb.SessionRef,
        outcome: "pb.Refusal.Outcome.ValueType",
        action: str,
        error: RpcError,
        frame: bytes | Frame = b"",
        rule_id: str = "",
    ) -> None:
        """Count a message.

        Args:
            session: It came by.
            outcome: What was done with it.
            action: Of it, of an answer with "Response" behind it; empty where it can't be read.
            error: What is wrong with it.
            frame: The message, read or as bytes.
            rule_id: Rule that tolerated it.
        """
        name = action.removesuffix("Response")
        known = name in ACTIONS or name in OLDER_ACTIONS
        word = pb.Refusal.Outcome.Name(outcome).removeprefix("OUTCOME_").lower()
        self._metrics.refused_messages.inc(word, action if known or not action else "other", error.code)
        station = self._station(session)
        if station is None:
            return
        payload = frame.payload if isinstance(frame, Call) else None
        count = self._count(station, outcome, clip(action, 60), error, rule_id, payload)
        count.count += 1
        count.last_time = timestamp(self._clock)
        count.description = error.description
        count.remedies = error.remedies
        count.frame = _remembered(frame)
        if action in _REPORT_PARTS and type(payload) is dict and len(count.request_ids) < MAX_REQUESTS:
            request_id = payload.get("requestId")
            if type(request_id) is int and -(2**31) <= request_id < 2**31:
                count.request_ids.add(request_id)

    def flush(self, offer: Offer, *, now: bool = False) -> None:
        """Report what was counted, if it is time; what can't be sent waits."""
        if not self._stations or not (now or self._loop.time() - self._reported >= INTERVAL):
            return
        self._reported = self._loop.time()
        for key in list(self._stations)[:MAX_STATIONS]:
            try:
                if offer(key, _item(self._stations[key])):
                    del self._stations[key]
            except Exception:
                # A bug of ours must affect neither the reports of other stations nor the caller.
                _logger.exception("refusals could not be reported", extra={"station_id": key[1]})
                del self._stations[key]

    def _station(self, session: pb.SessionRef) -> _Station | None:
        key = (session.tenant_id, session.station_id)
        station = self._stations.get(key)
        if station is None:
            if len(self._stations) >= MAX_WAITING:
                return None
            station = self._stations[key] = _Station(session)
        station.session = session
        return station

    def _count(
        self, station: _Station, outcome: int, action: str, error: RpcError, rule_id: str, payload: Any
    ) -> _Count:
        path = _NUMBER.sub("*", error.path)[:200]
        event_type = payload.get("eventType") if action == "TransactionEvent" and type(payload) is dict else None
        known_type = event_type if type(event_type) is str and event_type in _EVENT_TYPES else ""
        key: _Key = (outcome, action, known_type, str(error.code), path, rule_id)
        if key not in station.counts:
            if len(station.counts) >= MAX_PER_STATION:
                key = (outcome, *_OTHERS)
            now = timestamp(self._clock)
            station.counts.setdefault(key, _Count(now, now))
        return station.counts[key]


def _remembered(frame: bytes | Frame) -> bytes | str:
    raw = frame if isinstance(frame, bytes) else orjson.dumps(elements_of(frame))
    # Masked only for the report, mostly: of a flood the last is reported.
    return raw if len(raw) <= MAX_UNMASKED else _shown(raw)


def _shown(raw: bytes) -> str:
    text = observable(raw)
    return text if len(text) <= MAX_FRAME else f"{text[: MAX_FRAME - 1]}…"


def _item(station: _Station) -> bytes:
    refusals = [_refusal(key, count) for key, count in station.counts.items()]
    return pb.Upstream(refusals=pb.Refusals(session=station.session, refusals=refusals)).SerializeToString()


def _refusal(key: _Key, count: _Count) -> pb.Refusal:
    outcome, action, event_type, code, path, rule_id = key
    return pb.Refusal(
        outcome=pb.Refusal.Outcome.ValueType(outcome),
        action=action,
        event_type=event_type,
        code=code,
        path=path,
        description=count.description,
        count=count.count,
        first_time=count.first_time,
        last_time=count.last_time,
        last_frame=count.frame if isinstance(count.frame, str) else _shown(count.frame),
        request_ids=sorted(count.request_ids),
        rule_id=rule_id,
        remedies=sorted(KINDS[Tolerance(kind)] for kind in count.remedies),
    )
