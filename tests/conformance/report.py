"""Writes docs/conformance.md from what the conformance cases came to, and prints how many passed."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

__all__ = ["CASES", "EDITIONS", "PROFILES16", "ConformanceReport", "pytest_addoption", "pytest_configure"]

CASES: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "cases.toml").read_text(encoding="utf-8"))
"""What part 5 of OCPP 2.0.1 makes of each case, by its id."""

PROFILES16: dict[str, list[str]] = {
    profile: found["cases"]
    for profile, found in tomllib.loads(
        (Path(__file__).parent / "ocpp16" / "cases.toml").read_text(encoding="utf-8")
    ).items()
}
"""Cases of OCPP 1.6 by feature profile, and edge cases of our own."""

EDITIONS: dict[str, list[str]] = {
    "2.0.1": list(CASES),
    "1.6": [case for cases in PROFILES16.values() for case in cases],
}
"""All cases by the version of OCPP."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

BLOCKS = {
    "A": "Security",
    "B": "Provisioning",
    "C": "Authorization",
    "D": "Local authorization list",
    "E": "Transactions",
    "F": "Remote control",
    "G": "Availability",
    "H": "Reservation",
    "I": "Tariff and cost",
    "J": "Meter values",
    "K": "Smart charging",
    "L": "Firmware management",
    "M": "Certificate management",
    "N": "Diagnostics",
    "O": "Display message",
    "P": "Data transfer",
}

_NODE = re.compile(r"::test_((?:TC|EC)_\w+_CSMS)\[(\w+)\]$")
_ROW = re.compile(r"\| ((?:TC|EC)_\w+_CSMS) \| (.*) \| (.*) \| (.*) \| (.*) \|$")

_HEAD = """# Conformance

Part 6 of OCPP 2.0.1 defines what a certification lab asks of a CSMS, case by case. `tests/conformance` plays the
station of each case of the blocks A to P over a real websocket against real edge and core processes, does
the manual actions through the gRPC API, and checks every payload against the official schemas. `make test` runs all
cases on SQLite, `make conformance` on SQLite and PostgreSQL; each writes this page.

Part 5 says in which certification profile a case is mandatory (M) or depends on an optional feature (C, with the
feature's number); "part 6 only" are cases that no profile asks for. The cases of OCPP 1.6 are [below](#ocpp-16).

"""

_HEAD16 = """# OCPP 1.6

The same for the CSMS cases of the certification of OCPP 1.6, whose scenarios follow from the specification and the
security whitepaper, and for edge cases of our own: what the specification and its errata say beyond them, and what
stations in the field do. The station of a case speaks OCPP 1.6 by itself; the API is called as for any other station.

"""

_COLUMNS = "| case | title | certification profile | SQLite | PostgreSQL |\n|---|---|---|---|---|\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says on which databases the conformance cases run."""
    parser.addoption(
        "--conformance-databases",
        default="sqlite",
        help="databases that the conformance cases run on: sqlite, postgresql or both, comma-separated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect results where the tests are reported: in the process that started the others."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ConformanceReport(), "conformance report")


class ConformanceReport:
    """What the cases came to, by database and case."""

    def __init__(self) -> None:
        self.passed: dict[str, dict[str, bool]] = {name: {} for name in DATABASES}
        self.titles: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test ended; each has to pass."""
        found = _NODE.search(report.nodeid)
        if found is None:
            return
        case, database = found.groups()
        results = self.passed[database]
        results[case] = results.get(case, True) and report.passed
        self.titles[case] = str(dict(report.user_properties).get("conformance", ""))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print how many cases passed, and write the page where all of them ran."""
        is_whole = False
        for database, results in self.passed.items():
            for version, cases in EDITIONS.items():
                found = [results[case] for case in cases if case in results]
                is_whole |= len(found) == len(cases)
                if found:
                    text = f"{sum(found)} of {len(cases)} cases of OCPP {version} pass on {DATABASES[database]}"
                    terminalreporter.write_line(f"conformance: {text}")
        if is_whole:
            DOCUMENT.write_text(self._page(_stored()), encoding="utf-8")

    def _page(self, stored: Mapping[str, Mapping[str, str]]) -> str:
        lines = [_HEAD]
        for letter, block in BLOCKS.items():
            cases = [case for case in sorted(CASES) if case[3] == letter]
            lines.append(f"## {letter} {block}\n\n")
            lines += [_COLUMNS, *(self._row(case, _profiles(CASES[case]), stored) for case in cases), "\n"]
        lines.append(_HEAD16)
        for profile, cases in PROFILES16.items():
            lines += [f"## 1.6: {profile}\n\n", _COLUMNS, *(self._row(case, profile, stored) for case in cases), "\n"]
        return "".join(lines).rstrip("\n") + "\n"

    def _row(self, case: str, profile: str, stored: Mapping[str, Mapping[str, str]]) -> str:
        results = " | ".join(self._result(case, database, stored) for database in DATABASES)
        title = self.titles.get(case) or stored.get(case, {}).get("title", "")
        return f"| {case} | {title} | {profile} | {results} |\n"

    def _result(self, case: str, database: str, stored: Mapping[str, Mapping[str, str]]) -> str:
        results = self.passed[database]
        if case in results:
            return "passed" if results[case] else "**failed**"
        # Of a database that this run left out, what an earlier one found still holds.
        return stored.get(case, {}).get(database, "not run")


def _stored() -> dict[str, dict[str, str]]:
    """Return what the page shows now, by case: its title, and its result by database."""
    if not DOCUMENT.exists():
        return {}
    rows = (_ROW.match(line) for line in DOCUMENT.read_text(encoding="utf-8").splitlines())
    return {
        row[1]: {"title": row[2], **dict(zip(DATABASES, (row[4], row[5]), strict=True))}
        for row in rows
        if row is not None
    }


def _profiles(case: Mapping[str, Any]) -> str:
    mandatory = [f"{profile}: M" for profile in case.get("mandatory", ())]
    feature = f" ({case['feature']})" if "feature" in case else ""
    conditional = [f"{profile}: C{feature}" for profile in case.get("conditional", ())]
    return ", ".join(mandatory + conditional) or "part 6 only"
