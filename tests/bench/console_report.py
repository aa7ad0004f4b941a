"""The part of the report on the console."""

from collections.abc import Iterator

from tests.bench.results import Results
from tests.bench.tables import table

__all__ = ["console_report"]

_MOST_MS = 300
"""Milliseconds that the first page may take."""


def console_report(results: Results) -> Iterator[str]:
    """Yield the part; nothing where it was not measured."""
    found = results.get("console")
    if found is None:
        return
    yield (
        f"## The console\n\n{found['open']} browsers show the overview of one console process, logged in by "
        f"{found['keys']} keys, while {found['rate']:.0f} events a second happen (SQLite). Shares are of one CPU.\n"
    )
    roles = [role for role in ("console", "core", "edge") if role in found["cpu"]]
    rows = [
        [f"CPU of the {role}", f"{100 * found['silent_cpu'][role]:.1f} %", f"{100 * found['cpu'][role]:.1f} %"]
        for role in roles
    ]
    rows.append(["memory of the console", f"{found['idle_bytes'] / 1e6:.0f} MB", f"{found['bytes'] / 1e6:.0f} MB"])
    rows.append(["regions sent a second, to all browsers", "", f"{found['updates_per_second']:.0f}"])
    yield table(("figure", "no console open", f"{found['open']} open"), rows)
    yield (
        f"\nThe first page after a log-in, on an idle machine: {found['first_page_ms']:.0f} ms in the median, "
        f"{found['first_page_worst_ms']:.0f} ms at worst (must: {_MOST_MS} ms).\n"
    )
