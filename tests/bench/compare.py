"""What got worse from one run to the next."""

from collections.abc import Iterator

from tests.bench.curve import Point
from tests.bench.results import Results

__all__ = ["worse"]

MORE = 1.15
"""How much more counts as worse: what the same costs differs by a tenth from run to run."""

LEAST = 0.5
"""What costs less than this, in its unit, is too little to compare."""


def worse(before: Results, after: Results) -> list[str]:
    """Return the figures that are worse than before, each in words."""
    old, new = dict(_figures(before)), dict(_figures(after))
    return [
        f"{name}: {old[name]:.3g}, now {value:.3g}"
        for name, value in new.items()
        if name in old and value > LEAST and value > MORE * old[name]
    ]


def _figures(results: Results) -> Iterator[tuple[str, float]]:
    """Yield figures by name, of which less is better."""
    for group, found in sorted(results.groups.items()):
        values = found["values"]
        for stored in values.get("points", ()):
            one = Point(**stored)
            yield f"{group}, {one.name}: CPU in %", one.total
            if one.per_second:
                yield f"{group}, {one.name}: p99 in ms", one.p99
        for name in ("plain", "of_1_6", "priced"):
            if "cpu" in values.get(name, ()):
                yield f"{group}, {name}: µs a message", sum(values[name]["cpu"].values())
        for start in values.get("starts", ()):
            yield f"{group}, {start['what']}, {start['until']}: CPU in ms", 1000 * start["cpu_seconds"]
        if "commands" in values:
            yield f"{group}, commands: p99 in ms", values["commands"]["p99"]
            yield f"{group}, an idle connection: kB", values["idle"]["edge_bytes"] / 1000
            for name in ("checked", "chosen", "remembered"):
                yield f"{group}, boot, {name}: CPU in ms", values[name]["cpu_ms"]
        for late in values.get("late", ()):
            yield f"{group}, {late['count']} late events: CPU in ms of each", 1000 * late["cpu_reversed"]
