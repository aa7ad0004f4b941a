"""`in_turn`: the cases of a test run on one kind of database in turn, where they differ in what no database sees.

A test of a core runs on SQLite and on PostgreSQL. Where its cases differ in what a station, a partner or a caller says,
and the statements are the same, the test proves its sentence on both kinds by every other case on each.
"""

from collections.abc import Iterator

import pytest

__all__ = ["pytest_collection_modifyitems", "pytest_configure"]

DATABASES = ("sqlite", "postgresql")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests have the mark."""
    config.addinivalue_line("markers", "in_turn: each case runs on one kind of database, the next on the other")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of each pair of a case that whose turn it is not."""
    left_out = {id(item) for item in _left_out(items)}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if id(item) in left_out])
        items[:] = [item for item in items if id(item) not in left_out]


def _left_out(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    tests: dict[str, dict[str, dict[str, pytest.Item]]] = {}
    for item in items:
        if item.get_closest_marker("in_turn") is not None:
            test, _, case = item.nodeid.partition("[")
            parts = case.removesuffix("]").split("-")
            # The kind of database is a part of the name of a case.
            database = next((one for one in DATABASES if one in parts), "")
            if database:
                parts.remove(database)
            tests.setdefault(test, {}).setdefault("-".join(parts), {})[database] = item
    for cases in tests.values():
        for number, pair in enumerate(cases.values()):
            # Who asks for one alone gets it.
            if all(database in pair for database in DATABASES):
                # Not simply every other: where a test has several parameters, no value of one is always on one kind.
                turn = number.bit_count() % 2
                yield pair[DATABASES[1 - turn]]
