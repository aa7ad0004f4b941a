"""What a message may cost at every load, beside what was measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.curve import SILENT, Point
from tests.bench.loads import ALONE, EMPTY, FIFTY, RARE_HEARTBEATS
from tests.bench.results import Results
from tests.bench.tables import judged, table

__all__ = ["musts", "points"]


FELL_BEHIND = float("inf")
"""What it costs to do what was not done."""

ANSWERED = 0.97
"""Share of the messages of a window that must be answered soon after it, or what they cost counts for nothing."""


@dataclass(frozen=True)
class _Must:
    what: str
    most: Mapping[str, float]
    """By database, in the unit."""
    unit: str
    measure: Callable[[Results, str], float | None]
    most_ms: float | None = None
    """Of the p99, where that counts, too."""
    p99: Callable[[Results, str], float | None] = lambda results, kind: None

    def must(self) -> str:
        """Return what must be, in words."""
        values = dict.fromkeys(f"≤ {most:g} {self.unit}" for most in self.most.values())
        limit = f", p99 ≤ {self.most_ms:g} ms" if self.most_ms is not None else ""
        return " / ".join(values) + limit

    def found(self, results: Results, kind: str) -> str:
        """Return what was measured, and whether it is reached."""
        if kind not in self.most:
            return ""
        value, p99 = self.measure(results, kind), self.p99(results, kind)
        if value is None:
            return "not measured"
        if value == FELL_BEHIND:
            return "fell behind: **not reached**"
        text = f"{value:.3g} {self.unit}" if value < 1000 else f"{value:.0f} {self.unit}"
        reached = value <= self.most[kind]
        if self.most_ms is not None and p99 is not None:
            text += f", p99 {p99:.0f} ms"
            reached = reached and p99 <= self.most_ms
        return judged(text, is_reached=reached)


def points(results: Results, group: str) -> dict[str, Point]:
    """Return the points of a group by name; none where it was not measured."""
    found = results.get(group)
    return {} if found is None else {one["name"]: Point(**one) for one in found["points"]}


def musts(results: Results, databases: Mapping[str, str]) -> str:
    """Return the table of all musts."""
    rows = [[must.what, must.must(), *(must.found(results, kind) for kind in databases)] for must in _MUSTS]
    return table(("what", "must", *databases.values()), rows)


def _share(group: str, name: str) -> Callable[[Results, str], float | None]:
    def measure(results: Results, kind: str) -> float | None:
        one = points(results, f"{kind}-{group}").get(name)
        if one is None:
            return None
        # What is not done costs nothing, and is no merit.
        return FELL_BEHIND if one.answered_share < ANSWERED else one.total

    return measure


def _p99(group: str, name: str) -> Callable[[Results, str], float | None]:
    def measure(results: Results, kind: str) -> float | None:
        one = points(results, f"{kind}-{group}").get(name)
        return None if one is None else one.p99

    return measure


def _alone(name: str) -> Callable[[Results, str], float | None]:
    def measure(results: Results, kind: str) -> float | None:
        found = points(results, f"{kind}-few")
        if name not in found or not found[name].per_second:
            return None
        one, silent = found[name], found[SILENT]
        roles: Sequence[str] = ("edge", "core")
        return 10 * sum(one.cpu[role] - silent.cpu[role] for role in roles) / one.per_second

    return measure


def _floors(which: str) -> Callable[[Results, str], float | None]:
    def measure(results: Results, kind: str) -> float | None:
        bare, run = results.get("floor"), results.get(f"{kind}-saturated")
        if bare is None or run is None:
            return None
        cost: dict[str, float] = run[which]["cpu"]
        return (cost["edge"] + cost["core"]) / float(bare["asyncio"]["cpu"]["floor"])

    return measure


def _older(results: Results, kind: str) -> float | None:
    """Return what a message of OCPP 1.6 costs beside the same of 2.0.1."""
    run = results.get(f"{kind}-saturated")
    if run is None or "of_1_6" not in run:
        return None
    older, plain = (sum(run[which]["cpu"][role] for role in ("edge", "core")) for which in ("of_1_6", "plain"))
    return float(older / plain)


def _boot(which: str) -> Callable[[Results, str], float | None]:
    def measure(results: Results, kind: str) -> float | None:
        found = results.get(f"{kind}-basics")
        return None if found is None else float(found[which]["cpu_ms"])

    return measure


def _start(what: str) -> Callable[[Results, str], float | None]:
    def measure(results: Results, kind: str) -> float | None:
        found: Mapping[str, Any] = results.get("starts") or {"starts": []}
        seconds = [
            start["cpu_seconds"]
            for start in found["starts"]
            if start["what"] == what and _DATABASE.get(start["until"], kind) == kind
        ]
        return float(seconds[0]) if seconds else None

    return measure


def _both(sqlite: float, postgresql: float | None = None) -> Mapping[str, float]:
    return {"sqlite": sqlite, "postgresql": sqlite if postgresql is None else postgresql}


_DATABASE = {"listens, SQLite": "sqlite", "listens, PostgreSQL": "postgresql"}
_EVENT, _HEARTBEAT = ALONE
_FIFTY = next(iter(FIFTY))

_MUSTS = (
    _Must("idle, no station: edge, core and database", _both(1, 2), "%", _share("curve", EMPTY)),
    _Must("one station alone, a TransactionEvent: edge and core, beside what runs anyway", _both(2.5), "ms",
          _alone(_EVENT)),
    _Must("one station alone, a Heartbeat: edge and core, beside what runs anyway", _both(0.5), "ms",
          _alone(_HEARTBEAT)),
    _Must("1000 stations connected, a heartbeat each 5 min", _both(3), "%", _share("curve", RARE_HEARTBEATS)),
    _Must("50 TransactionEvents with 6 samples a second", _both(8, 12), "%", _share("few", _FIFTY), 40,
          _p99("few", _FIFTY)),
    _Must("1000 of them a second, from 1000 stations", _both(60, 80), "%", _share("curve", "1000/s")),
    _Must("saturated, TransactionEvent with 3 samples: edge and core", _both(3.5), "× floor", _floors("plain")),
    _Must("the same with a tariff", _both(5), "× floor", _floors("priced")),
    _Must("saturated, MeterValues of OCPP 1.6 with 3 samples: edge and core", _both(1.3), "× 2.0.1", _older),
    _Must("a station's boot, generated password checked, three messages", _both(9), "ms", _boot("checked")),
    _Must("the same with a chosen password, whose slow hash is checked", _both(9), "ms", _boot("chosen")),
    _Must("start of a core", _both(1), "s", _start("citrine core")),
    _Must("start of an edge", {"sqlite": 0.7}, "s", _start("citrine edge")),
)  # fmt: skip
