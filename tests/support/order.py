"""What takes longest comes early, so that no process of a run still works at it when the others are done."""

from collections import Counter
from itertools import chain, zip_longest

import pytest

__all__ = ["pytest_collection_modifyitems"]

LONG = (
    "tests/end_to_end/test_chaos.py",
    "tests/documents/",
    "tests/end_to_end/",
    "tests/clients/cli/up/",
    "tests/core/blocks/smart_charging/test_capacity_",
    "tests/core/blocks/provisioning/configuration/",
    "tests/packaging/",
)
"""What starts processes and waits for them, or plays through hours of a site; the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files in order, and leave that of the tests of a file.

    Files that are long and others take turns: while the first wait, the others have the processor.
    """
    files = [item.nodeid.partition("::")[0] for item in items]
    counts = Counter(files)
    long = {file: place for file in counts if (place := _place(file)) is not None}
    others = sorted(counts.keys() - long.keys(), key=lambda file: (-counts[file], file))
    in_turn = zip_longest(sorted(long, key=lambda file: (long[file], file)), others)
    places = {file: place for place, file in enumerate(chain.from_iterable(in_turn))}
    order = sorted(range(len(items)), key=lambda n: (places[files[n]], n))
    items[:] = [items[n] for n in order]


def _place(file: str) -> int | None:
    """Return the place of a long file among them, or None."""
    return next((number for number, name in enumerate(LONG) if file.startswith(name)), None)
