"""The part of the report on roaming."""

from collections.abc import Iterator, Mapping

from tests.bench.results import Results
from tests.bench.roaming import NEVER
from tests.bench.tables import table

__all__ = ["roaming_report"]

_MOST_MS = 2000
"""Milliseconds that 95 of 100 updates may take until the partner has them."""

_TEXT = """## Roaming

{sessions} sessions of the drivers of {partners} partners go on, with {rate:.0f} updates a second together, which one
OCPI adapter pushes as they come. The delays are of the four partners that stay: from the event of the core until the
partner has what it says, or something newer. "CPU a push" is that of the adapter, with what it asks the core about;
its database is of the kind of the core's. Must: a p95 of {most} ms, whatever the fifth partner does.
"""


def roaming_report(results: Results, databases: Mapping[str, str]) -> Iterator[str]:
    """Yield the part; nothing where it was not measured."""
    rows: list[list[str]] = []
    text = ""
    for kind, name in databases.items():
        found = results.get(f"{kind}-ocpi")
        if found is None:
            continue
        text = _TEXT.format(most=_MOST_MS, **{one: found[one] for one in ("sessions", "partners", "rate")})
        for one in found["windows"]:
            late = f" ({one['missed']} never)" if one["missed"] else ""
            cpu = [f"{100 * one['cpu'][role]:.0f}" for role in ("adapter", "core")]
            rows.append([
                f"{one['name']}, {name}", str(one["pushes"]), *cpu, f"{one['cpu_ms']:.1f}",
                _ms(one["p50"]), _ms(one["p95"]), f"{_ms(one['p99'])}{late}",
            ])  # fmt: skip
    if rows:
        yield text
        header = ("load", "pushes", "adapter %", "core %", "CPU a push, ms", "p50 ms", "p95 ms", "p99 ms")
        yield table(header, rows)


def _ms(delay: float) -> str:
    return "never" if delay >= NEVER else f"{delay:.0f}"
