"""What waits comes early and beside what computes, so that neither processors nor processes of a run stand idle.

Seconds are those of two cores, and need not be exact.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

__all__ = ["pytest_collection_modifyitems"]

WAITING = {
    "tests/documents/test_blocks_i_to_p.py": 150.0,
    "tests/end_to_end/test_chaos.py": 130.0,
    "tests/documents/": 90.0,
    "tests/end_to_end/test_fleets.py": 80.0,
    "tests/end_to_end/test_outage_logs.py": 70.0,
    "tests/end_to_end/test_flapping.py": 60.0,
    "tests/end_to_end/test_frozen_cores.py": 60.0,
    "tests/end_to_end/test_workers.py": 50.0,
    "tests/end_to_end/test_examples.py": 50.0,
    "tests/end_to_end/test_restart.py": 40.0,
    "tests/core/blocks/security/profile_upgrades/": 40.0,
    "tests/clients/cli/up/": 35.0,
    "tests/packaging/": 35.0,
    "tests/core/blocks/provisioning/configuration/test_jobs.py": 30.0,
    "tests/core/blocks/smart_charging/test_capacity_": 25.0,
    "tests/core/resources/edges/": 25.0,
    "tests/core/resources/commands/test_orphans.py": 25.0,
    "tests/clients/ocpi/test_replicas.py": 20.0,
    "tests/end_to_end/": 20.0,
}
"""Seconds of each file that starts processes and waits for them, or for timers, by the beginning of its path."""

COMPUTING = {
    "tests/core/db/test_history_plans.py": 0.2,
    "tests/core/db/test_list_plans.py": 0.5,
    "tests/core/db/test_upgrade.py": 0.5,
    "tests/core/blocks/smart_charging/test_capacity.py": 0.6,
    "tests/core/blocks/transactions/test_throttling.py": 0.6,
    "tests/core/resources/charge_records/test_plans.py": 1.0,
    "tests/core/resources/locations/test_plans.py": 10.0,
    "tests/core/resources/operations/": 0.7,
    "tests/core/resources/persons/": 1.0,
    "tests/core/resources/statistics/": 5.0,
    "tests/core/resources/tokens/test_lists.py": 1.0,
    "tests/clients/console/": 2.0,
    "tests/clients/ocpi/modules/": 1.5,
    "tests/clients/ocpi/": 0.5,
    "tests/core/test_": 0.5,
    "tests/core/": 0.25,
    "tests/conformance/": 0.25,
    "tests/protos/test_codec.py": 0.1,
    "tests/": 0.05,
}
"""Seconds of each test of the other files, by the beginning of its path."""

BEGUN = 0.85
"""Part of the run in which all that wait have begun: the last may take long."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files in order, and leave that of the tests of a file.

    Whichever begins next, about as much of those that wait is done as of those that compute.
    """
    files = [item.nodeid.partition("::")[0] for item in items]
    waiting: dict[str, float] = {}
    computing: dict[str, float] = {}
    for file, count in Counter(files).items():
        if (seconds := _seconds(WAITING, file)) is not None:
            waiting[file] = seconds
        else:
            computing[file] = count * (_seconds(COMPUTING, file) or 0.0)
    moments = sorted((*_moments(waiting, BEGUN), *_moments(computing, 1.0)))
    places = {file: place for place, (_, file) in enumerate(moments)}
    order = sorted(range(len(items)), key=lambda n: (places[files[n]], n))
    items[:] = [items[n] for n in order]


def _moments(files: Mapping[str, float], end: float) -> Iterator[tuple[float, str]]:
    """Yield files, the longest first, each with the part of the run after which it begins."""
    total, done = sum(files.values()), 0.0
    for file, seconds in sorted(files.items(), key=_longest_first):
        yield end * done / total, file
        done += seconds


def _longest_first(entry: tuple[str, float]) -> tuple[float, str]:
    file, seconds = entry
    return -seconds, file


def _seconds(by_beginning: Mapping[str, float], file: str) -> float | None:
    """Return the seconds of the first beginning of a path, or None where there is none."""
    return next((seconds for beginning, seconds in by_beginning.items() if file.startswith(beginning)), None)
