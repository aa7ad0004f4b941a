"""The root logger of a test is as it was after it: what a process sets for itself goes on in no test behind it.

Such a process writes its log to what was its standard error, which is closed by then, and tells the next one so.
"""

import logging
from collections.abc import Generator

import pytest

__all__ = ["pytest_runtest_protocol"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Restore it."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    try:
        return (yield)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
