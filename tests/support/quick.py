"""`--quick`: of each file the first test, on SQLite; all that checks conventions; one station from end to end.

For the minutes in which one works. Files say first what matters most of their subject, so most of what breaks shows.
"""

from collections import Counter

import pytest

__all__ = ["pytest_addoption", "pytest_collection_modifyitems"]

PER_FILE = 1
"""Tests of each file."""

WHOLE = ("tests/conventions/",)
"""Folders of which all is run."""

WALK = "tests/end_to_end/test_own_station.py::test_what_is_printed_lets_a_station_connect_and_it_is_seen_to_charge"
"""A station's way through websocket, edge, core, gRPC and command line, with real processes."""

SLOW = (
    "tests/documents/test_blocks_",
    "tests/documents/test_introductions",
    "tests/end_to_end/",
    "tests/packaging/",
    "tests/clients/cli/up/test_run.py",
    "tests/clients/cli/up/test_screen.py",
    "tests/core/test_operator_keys.py",
    "tests/core/blocks/smart_charging/test_capacity_",
    "tests/conventions/test_table_owners.py::test_each_package",
)
"""What starts many processes, builds packages, or plays through hours of a site."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--quick`."""
    parser.addoption("--quick", action="store_true", help="run what catches most in a minute")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not quick."""
    if not config.getoption("--quick"):
        return
    seen: Counter[str] = Counter()
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        is_quick = "postgres" not in getattr(item, "fixturenames", ()) and _is_quick(item.nodeid, seen)
        (chosen if is_quick else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


def _is_quick(test: str, seen: Counter[str]) -> bool:
    file, _, name = test.partition("::")
    if "postgresql" in name:
        return False
    if test.startswith(WALK):
        return True
    if test.startswith(SLOW):
        return False
    if test.startswith(WHOLE):
        return True
    function = f"{file}::{name.partition('[')[0]}"
    if seen[function] or seen[file] >= PER_FILE:
        return False
    # One case of a test is enough, so that the next test has its turn.
    seen[function] += 1
    seen[file] += 1
    return True
