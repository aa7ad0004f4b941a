"""The part of the report on roaming."""

from collections.abc import Iterator, Mapping

from tests.bench.results import Results
from tests.bench.roaming import NEVER
from tests.bench.tables import table

__all__ = ["roaming_report"]

_MOST_MS = 2000
"""Milliseconds that 95 of 100 updates may take until the partner has them."""

_TEXT = """## Roaming

{sessions} sessions of the drivers of {partners} partners go on, with an update each 30 seconds, or more of them to show
what an adapter can do beside all else on this machine. One adapter pushes them as they come. The delays are of the four
partners that stay: from the event of the core until the partner has what it says, or something newer. "CPU a push" is
that of the adapter, with what it asks the core about; its database is of the kind of the core's. Must: a p95 of
{most} ms, whatever the fifth partner does; what is above is **bold**.
"""


def roaming_report(results: Results, databases: Mapping[str, str]) -> Iterator[str]:
    """Yield the part; nothing where it was not measured."""
    rows: list[list[str]] = []
    text = ""
    for kind, name in databases.items():
        found = results.get(f"{kind}-ocpi")
        if found is None:
            continue
        text = _TEXT.format(most=_MOST_MS, **{one: found[one] for one in ("sessions", "partners")})
        for one in found["windows"]:
            late = f" ({one['missed']} never)" if one["missed"] else ""
            cpu = [f"{100 * one['cpu'][role]:.0f}" for role in ("adapter", "core")]
            rows.append([
                f"{one['name']}, {name}", f"{one.get('rate', found['rate']):.0f}", str(one["pushes"]), *cpu,
                f"{one['cpu_ms']:.1f}", _ms(one["p50"]), _bold(one["p95"]), f"{_ms(one['p99'])}{late}",
            ])  # fmt: skip
    if rows:
        yield text
        header = ("load", "updates/s", "pushes", "adapter %", "core %", "CPU a push, ms", "p50 ms", "p95 ms", "p99 ms")
        yield table(header, rows)


def _ms(delay: float) -> str:
    return "never" if delay >= NEVER else f"{delay:.0f}"


def _bold(delay: float) -> str:
    return f"**{_ms(delay)}**" if delay > _MOST_MS else _ms(delay)
