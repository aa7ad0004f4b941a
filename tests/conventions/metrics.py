"""The page of all metrics, written from what the processes measure."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry

from citrine_core.config import CoreSettings
from citrine_core.core import Core
from citrine_core.database_gauges import OF_DATABASE
from citrine_core.db import create_engine
from citrine_edge.metrics import Metrics as EdgeMetrics
from citrine_ocpi.metrics import Metrics as OcpiMetrics

__all__ = ["DOCUMENT", "page"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"

_HEAD = """# Metrics

Core, edge and OCPI adapter show what they measure under `/metrics`, for Prometheus: at the addresses
`CITRINE_CORE_HTTP_LISTEN`, `CITRINE_EDGE_HTTP_LISTEN` and `CITRINE_OCPI_HTTP_LISTEN`. Counters begin anew with their
process; a histogram has `_bucket`, `_sum` and `_count`. All of them also show what prometheus_client knows of a
process: `process_*` (CPU, memory, open files) and `python_*`.
`make docs` writes this page from the code.

"together" says how the series of several processes become one figure. `sum` adds up what each process has or counts for
itself, e.g. `sum without (instance) (rate(citrine_core_energy_wh_total[5m])) * 3600`, the power in W that is delivered.
`max` is for what every core reads from the one database, e.g. `max without (instance) (citrine_core_stations)`. That is
counted when somebody reads the metrics, at most every 15 seconds, and less often where it takes long: after a pause of
100 times what it took. It is missing while the database can't be read.

Where several workers share an address, `/metrics` shows the series of all of them with the label `worker`, and three of
the supervisor's: `citrine_core_workers` (how many there should be), `citrine_core_workers_answering`,
`citrine_core_worker_restarts_total`, and the same with `edge`. Then write `without (instance, worker)`.

What happens is counted by the core in which it happens, after the commit. Labels have few values; so none says which
tenant or station, which may be many. All figures are those of all tenants together: one tenant's are the API's.
"""

_TABLE = "| name | kind | labels | together | what |\n|---|---|---|---|---|\n"


def page() -> str:
    """Return the page as it should be."""
    parts = [_HEAD]
    for title, registry in _registries():
        parts.append(f"\n## {title}\n\n{_TABLE}{''.join(_rows(registry))}")
    return "".join(parts)


def _registries() -> Iterator[tuple[str, CollectorRegistry]]:
    yield "Core", asyncio.run(_of_core())
    yield "Edge", EdgeMetrics().registry
    yield "OCPI adapter", OcpiMetrics().registry


async def _of_core() -> CollectorRegistry:
    core = Core(CoreSettings(), create_engine(CoreSettings().database))
    await core.server.stop(None)
    return core.metrics.registry


def _rows(registry: CollectorRegistry) -> Iterator[str]:
    labels = {name: one for collector in _collectors(registry) for name, one in _labels(collector)}
    for family in sorted(registry.collect(), key=lambda one: one.name):
        if not family.name.startswith("citrine_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        about = family.documentation.rstrip(".")
        shown = ", ".join(f"`{one}`" for one in labels.get(family.name, ()))
        together = _together(family.name)
        yield f"| `{name}` | {family.type} | {shown} | {together} | {about} |\n".replace("|  |", "| |")


def _together(name: str) -> str:
    if name.removeprefix("citrine_core_") in OF_DATABASE:
        return "max"
    return "min" if name == "citrine_core_serving" else "sum"


def _collectors(registry: CollectorRegistry) -> list[object]:
    # A registry shows labels only with the first sample.
    return list(registry._collector_to_names)


def _labels(collector: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    found = getattr(collector, "_labelnames", None) or getattr(collector, "_labels", ())
    if found and hasattr(collector, "_name"):
        yield collector._name, tuple(found)
