"""The part of the report on figures that are of no curve: starts, connections, commands, boot storms, late events."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.results import Results
from tests.bench.starts import TIMES
from tests.bench.tables import judged, table

__all__ = ["figures_report"]

IDLE_KB = 11
"""What an idle connection may take of the edge's memory."""

COMMAND_MS = 30
"""What a command may take, p99."""

ANSWERED_S = 3
"""How long a station may wait for a core that starts."""

STORM_S = 20
"""How long the boots of a thousand stations may take."""

OTHERS_MS = 100
"""What others may wait meanwhile, p99."""

IN_ORDER = 2
"""What a late event may cost, where one in order costs 1."""

_STORMS = {
    "checked": "generated passwords",
    "chosen": "chosen passwords, each checked anew",
    "remembered": "chosen passwords, logins remembered",
}


def figures_report(results: Results, databases: Mapping[str, str]) -> Iterator[str]:
    """Yield the part; nothing where none of them was measured."""
    rows = list(_start_rows(results, databases))
    for kind, name in databases.items():
        if found := results.get(f"{kind}-basics"):
            rows += _basics_rows(name, found)
        if late := results.get(f"{kind}-late"):
            rows += _late_rows(name, late)
    if rows:
        yield "## Other figures\n"
        yield table(("figure", "measured", "must"), rows)
        yield (
            f"The CPU of a start is user and system time with compiled modules, the least of {TIMES} starts.\n"
            "Each event of a transaction newest first waits for the answer of the one before, and none for company\n"
            "(`edge_gather_time` is 0 there). The CPU of a message is that of both stations' messages."
        )


def _start_rows(results: Results, databases: Mapping[str, str]) -> Iterator[list[str]]:
    found = results.get("starts") or {"starts": []}
    for start in found["starts"]:
        seconds, most = start["cpu_seconds"], start["limit"]
        text = judged(f"{seconds:.2f} s", is_reached=seconds <= most)
        yield [f"CPU of `{start['what']}` until it {start['until']}", text, f"{most:g} s"]
    for kind, seconds in found.get("answered", {}).items():
        yield [
            f"from the start of a core until the answer that a station waits for, {databases[kind]}",
            judged(f"{seconds:.2f} s", is_reached=seconds <= ANSWERED_S),
            f"{ANSWERED_S} s",
        ]


def _basics_rows(name: str, found: Mapping[str, Any]) -> Iterator[list[str]]:
    held, trips = found["idle"], found["commands"]
    size = held["edge_bytes"] / 1000
    yield [
        f"memory per idle connection in the edge, {held['connections']} held, {name}",
        judged(f"{size:.1f} kB", is_reached=round(size, 1) <= IDLE_KB),
        f"{IDLE_KB} kB",
    ]
    yield [
        f"command round trip, idle, {trips['count']} times, {name}",
        judged(_waits(trips), is_reached=trips["p99"] <= COMMAND_MS),
        f"p99 {COMMAND_MS} ms",
    ]
    for key, what in _STORMS.items():
        storm = found[key]
        yield [
            f"boot storm of {storm['done']}, {what}, {name}",
            judged(
                f"{storm['seconds']:.1f} s, {storm['cpu_ms']:.1f} ms of CPU a station",
                is_reached=storm["seconds"] <= STORM_S * storm["done"] / 1000,
            ),
            f"{STORM_S} s for 1000",
        ]


def _late_rows(name: str, run: Mapping[str, Any]) -> Iterator[list[str]]:
    most = IN_ORDER * run["cpu_in_order"]
    for late in run["late"]:
        yield [
            f"{late['count']} events of a transaction, newest first, a message, {name}",
            judged(f"{late['cpu_reversed'] * 1000:.1f} ms of CPU", is_reached=late["cpu_reversed"] <= most),
            f"{IN_ORDER} × {run['cpu_in_order'] * 1000:.1f} ms, in order",
        ]
        waits = late["waits_ms"]
        yield [
            f"another station's answer meanwhile, {name}",
            judged(_waits(waits), is_reached=waits["p99"] <= OTHERS_MS),
            f"p99 {OTHERS_MS} ms",
        ]


def _waits(waits: Mapping[str, Any]) -> str:
    return f"p50 {waits['p50']:.1f}, p95 {waits['p95']:.1f}, p99 {waits['p99']:.1f} ms"
