"""The part of the report about full databases."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.curve import Point
from tests.bench.results import Results
from tests.bench.scale import RATIO
from tests.bench.tables import table

__all__ = ["scale_report"]

_HEAD = """## Growth

Measured by `make bench ARGS=--scale`, which is no part of the other runs. The empty database has {connected} stations,
which are connected; the full one has {stations} stations, {transactions} transactions that ended and {samples} sampled
values, and as many stations are connected. They send TransactionEvents (Updated, six sampled values). What is more than
{ratio} times what it is with the empty database is **bold**.
"""

_LISTS = """Each list is called {lists} times, one after another, with its default page size. "rows": on the page of the
full database. In the empty database, one station has charged as often as each in the full one.
"""


def scale_report(results: Results, databases: Mapping[str, str]) -> Iterator[str]:
    """Yield the parts of the document, none where nothing was measured."""
    found = {name: run for kind, name in databases.items() if (run := results.get(f"{kind}-scale"))}
    if not found:
        return
    size = next(iter(found.values()))["size"]
    yield _HEAD.format(ratio=RATIO, **{name: f"{value:,}" for name, value in size.items()})
    yield table(
        (
            "load",
            "messages/s: empty",
            "full",
            "CPU ms a message: empty",
            "full",
            "ratio",
            "p99 ms: empty",
            "full",
            "ratio",
        ),
        [row for name, run in found.items() for row in _rows(name, run)],
    )
    yield _LISTS.format(**size)
    yield table(
        ("list", "rows", "p50 ms: empty", "full", "p99 ms: empty", "full"),
        [row for name, run in found.items() for row in _list_rows(name, run)],
    )


def _rows(name: str, run: Mapping[str, Any]) -> Iterator[list[str]]:
    before, after = ([Point(**point) for point in run[state]["points"]] for state in ("empty", "full"))
    for one, other in zip(before, after, strict=True):
        if not one.per_second:
            shares = [f"{one.total:.1f} % of a CPU", f"{other.total:.1f} % of a CPU"]
            yield [f"{one.name}, {name}", "", "", *shares, _ratio(one.total, other.total), "", "", ""]
            continue
        costs = [10 * point.total / point.per_second for point in (one, other)]
        rates = [f"{point.per_second:.0f}" for point in (one, other)]
        waits = [f"{point.p99:.1f}" for point in (one, other)]
        later = _ratio(one.p99, other.p99)
        yield [f"{one.name}, {name}", *rates, *(f"{cost:.2f}" for cost in costs), _ratio(*costs), *waits, later]
    for role in ("edge", "core"):
        sizes = [run[state]["memory"][role] for state in ("empty", "full")]
        yield [
            f"memory of the {role}, {name}",
            "",
            "",
            *(f"{size:.0f} MB" for size in sizes),
            _ratio(*sizes),
            "",
            "",
            "",
        ]


def _ratio(empty: float, full: float) -> str:
    found = full / empty if empty else 0.0
    return f"{found:.2f}" if found <= RATIO else f"**{found:.2f}**"


def _list_rows(name: str, run: Mapping[str, Any]) -> Iterator[list[str]]:
    for one, other in zip(run["empty"]["lists"], run["full"]["lists"], strict=True):
        waits = [f"{each[key]:.1f}" for key in ("p50", "p99") for each in (one, other)]
        yield [f"{one['name']}, {name}", str(other["rows"]), *waits]
