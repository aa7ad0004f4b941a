"""What takes longest comes first, so that no process of a run still works at it when the others are done."""

from collections import Counter

import pytest

__all__ = ["pytest_collection_modifyitems"]

FIRST = (
    "tests/documents/",
    "tests/end_to_end/",
    "tests/clients/cli/up/",
    "tests/core/blocks/smart_charging/test_capacity_",
    "tests/core/blocks/provisioning/configuration/",
    "tests/packaging/",
)
"""What starts processes and waits for them, or plays through hours of a site; of the rest, files with many tests."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files in order, and leave that of the tests of a file."""
    files = [item.nodeid.partition("::")[0] for item in items]
    counts = Counter(files)
    groups = {file: next((n for n, name in enumerate(FIRST) if file.startswith(name)), len(FIRST)) for file in counts}
    order = sorted(range(len(items)), key=lambda n: (groups[files[n]], -counts[files[n]], files[n], n))
    items[:] = [items[n] for n in order]
