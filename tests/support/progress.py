"""`--progress`: how far the tests are, in a line: every few seconds on a terminal, and every 15 in a log.

Dots say neither how many there are nor how long it takes, and a pipe shows them by the thousand.
"""

import functools
import time
from typing import Any

import pytest

__all__ = ["pytest_addoption", "pytest_configure"]

INTERVAL = 15.0
"""Seconds between two lines in a log."""

REDRAWN = 0.5
"""Seconds between two on a terminal, where each takes the place of the one before."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--progress`."""
    parser.addoption("--progress", action="store_true", help="say in a line how far the tests are")


def pytest_configure(config: pytest.Config) -> None:
    """Say it, unless this is a worker, whose output nobody sees."""
    if config.getoption("--progress") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Progress(config), "progress")


class _Progress:
    """Counts what is reported of tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._begin = self._said = time.monotonic()
        self._total = self._done = self._failed = 0

    @functools.cached_property
    def _out(self) -> Any:
        # Any: pytest's reporter is no public class.
        return self._config.pluginmanager.getplugin("terminalreporter")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Say what comes first."""
        self._say("reading the tests (10 to 30 seconds)")

    # Optional: a run without processes of its own does not know this.
    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Take note of how many there are."""
        self._found(len(ids))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take note of how many there are."""
        if session.items:
            self._found(len(session.items))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count what passed or failed instead of showing a dot or a letter."""
        if report.passed:
            return ("passed" if report.when == "call" else "", "", "")
        return ("failed" if report.when == "call" else "error", "", "") if report.failed else None

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, and say how far they are when it is time."""
        if report.failed:
            self._failed += 1
            self._line(f"failed: {report.nodeid} ({report.when})")
        if report.when == "teardown":
            self._done += 1
            self._say_when_due()

    def _found(self, count: int) -> None:
        if not self._total:
            self._total = count
            self._say(f"{count} tests")

    def _say_when_due(self) -> None:
        interval = REDRAWN if self._out.isatty else INTERVAL
        if time.monotonic() - self._said >= interval or self._done == self._total:
            failed = f", {self._failed} failed" if self._failed else ""
            self._say(f"{self._done} of {self._total} tests{failed}")

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        minutes, seconds = divmod(round(self._said - self._begin), 60)
        line = f"[{minutes}:{seconds:02}] {text}"
        if self._out.isatty:
            self._out.rewrite(line, erase=True)
        else:
            self._line(line)

    def _line(self, line: str) -> None:
        self._out.ensure_newline()
        self._out.write_line(line)
        self._out.flush()
