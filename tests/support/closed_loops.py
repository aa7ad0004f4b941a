"""What gRPC tells of event loops that are closed is no error of the test that runs then.

All event loops of a process share one queue of gRPC, and each test has a loop of its own. What ends after the loop of
its test is found by the loop of another test, which can't hand it over (RuntimeError), and where two loops run in two
threads, both are woken and one finds nothing (BlockingIOError, github.com/grpc/grpc/issues/25364). Nothing is lost by
either, but asyncio logs an error. A process of Citrine has one event loop as long as it lives, and sees neither.
"""

import logging

import pytest

__all__ = ["pytest_configure", "pytest_unconfigure"]

CALLBACK = "Exception in callback PollerCompletionQueue._handle_events"


def pytest_configure(config: pytest.Config) -> None:
    """Leave these records out, for whoever looks at logs."""
    logging.getLogger("asyncio").addFilter(_is_of_a_test)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave out nothing any more."""
    logging.getLogger("asyncio").removeFilter(_is_of_a_test)


def _is_of_a_test(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    is_known = isinstance(error, BlockingIOError) or str(error) == "Event loop is closed"
    return not (is_known and record.getMessage().startswith(CALLBACK))
