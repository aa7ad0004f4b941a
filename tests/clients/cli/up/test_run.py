"""`citrine up` as a user starts it: real processes, a real database, a demo that charges.

The first test starts the program that is installed; to the others a fork that starts at once is as good.
"""

import contextlib
import json
import os
import queue
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import psutil
import pytest

from tests.support.quick_commands import quick_citrine

pytestmark = pytest.mark.timeout(500)

CITRINE = Path(sys.executable).parent / "citrine"
LISTEN = [
    *("--ocpp-listen", "127.0.0.1:0"),
    *("--ocpps-listen", "127.0.0.1:0"),
    *("--ocpps-mtls-listen", "127.0.0.1:0"),
    *("--grpc-listen", "127.0.0.1:0"),
    *("--core-http-listen", "127.0.0.1:0"),
    *("--edge-http-listen", "127.0.0.1:0"),
    *("--console-listen", "127.0.0.1:0"),
]
OPTIONAL = ("ocpps", "ocpps-mtls", "console")
"""Addresses of which there may be none."""
ROAMING = [
    "--ocpi",
    *("--ocpi-listen", "127.0.0.1:0"),
    *("--ocpi-http-listen", "127.0.0.1:0"),
    *("--emsp-listen", "127.0.0.1:0"),
]
TIMEOUT = 120.0


class Running:
    """A `citrine up` and what it prints."""

    def __init__(
        self, directory: Path, *arguments: str, citrine: Path | None = None, listen: Sequence[str] = LISTEN
    ) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [citrine or quick_citrine(), "up", *listen, *arguments],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._new.put(line.rstrip("\n"))
        self._new.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first match among the lines that are still to come."""
        while (line := self._new.get(timeout=TIMEOUT)) is not None:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError("\n".join(self.lines))

    def pid(self, name: str) -> int:
        return int(json.loads((self.directory / f".citrine/{name}.ready.json").read_text())["pid"])

    def ask(self, *arguments: str) -> str:
        """Run a command as somebody would beside it."""
        core = json.loads((self.directory / ".citrine/core.ready.json").read_text())["grpc"]
        return subprocess.run(
            [quick_citrine(), "--core", core, "--tenant", "demo", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT,
        ).stdout

    def end(self, number: signal.Signals) -> int:
        """Send it a signal and return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        return code


@contextlib.contextmanager
def up(directory: Path, *arguments: str) -> Iterator[Running]:
    """Start what is installed, and leave nothing of it behind."""
    running = Running(directory, *arguments, citrine=CITRINE)
    try:
        yield running
    finally:
        running.end(signal.SIGKILL)


def passwords(running: Running) -> list[str]:
    versions = {1: "2.0.1", 2: "2.0.1", 3: "2.0.1", 4: "1.6"}
    return [
        running.wait_for(rf"/demo/DEMO-{number}  password (\S+) .*\(OCPP {version}\)").group(1)
        for number, version in versions.items()
    ]


def security_profiles(running: Running) -> list[int]:
    """Return the security profiles of the stations, once DEMO-3 has its certificate."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        shown = [json.loads(running.ask("station", "show", f"DEMO-{number}", "--json")) for number in (1, 2, 3)]
        found = [station["securityProfile"] for station in shown]
        if found[-1] == 3 or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def charges_survives_a_killed_core_and_stops_cleanly(running: Running) -> list[str]:
    """Return the passwords that it shows."""
    shown = passwords(running)
    core = json.loads((running.directory / ".citrine/core.ready.json").read_text())["grpc"]
    running.wait_for(rf"Try: \S+ --core {core} --tenant demo station list")
    running.wait_for(r"DEMO-3  certificate installed")
    key = running.directory / ".citrine/operator.key"
    children = psutil.Process(running.process.pid).children()

    os.kill(running.pid("core"), signal.SIGKILL)
    running.wait_for("! the core was ended by SIGKILL")
    running.wait_for("! the core runs again")
    running.wait_for(r"DEMO-\d  transaction updated")

    stations = json.loads(running.ask("station", "list", "--json"))
    assert [station["stationId"] for station in stations] == ["DEMO-1", "DEMO-2", "DEMO-3", "DEMO-4"]
    assert json.loads(running.ask("transaction", "list", "--json"))
    assert security_profiles(running) == [1, 2, 3]
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(set(shown)) == 4
    assert running.end(signal.SIGINT) == 0
    assert not [child for child in children if child.is_running()]
    return shown


def test_it_charges_survives_and_a_second_start_shows_the_same_and_leaves_nobody_when_killed(tmp_path: Path) -> None:
    with up(tmp_path, *ROAMING) as first:
        shown = charges_survives_a_killed_core_and_stops_cleanly(first)

    with up(tmp_path, *ROAMING) as second:
        page = second.wait_for(r"eMSP       (http://\S+/) shows what a partner gets").group(1)
        assert passwords(second) == shown
        with urllib.request.urlopen(page, timeout=TIMEOUT) as answer:
            assert b"Simulated eMSP" in answer.read()
        second.wait_for("DEMO-1  connected")
        children = psutil.Process(second.process.pid).children()
        second.end(signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=TIMEOUT)

    assert len(children) == 8
    assert alive == []


def test_it_runs_without_a_demo_and_refuses_a_second_one(tmp_path: Path) -> None:
    running = Running(tmp_path, "--no-demo")
    running.wait_for("What happens")

    second = subprocess.run(
        [quick_citrine(), "up", *LISTEN], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT
    )

    assert (second.returncode, second.stderr) == (1, "error: citrine up runs already with .citrine\n")
    assert running.end(signal.SIGTERM) == 0
    assert not (tmp_path / ".citrine/demo.json").exists()


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = subprocess.run(
            [quick_citrine(), "up", *LISTEN, "--ocpp-listen", address],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )

    assert ran.returncode == 1
    port = int(address.rpartition(":")[2])
    assert ran.stderr.startswith(f"error: port {port} for stations is in use on 127.0.0.1; end what uses it, or ")
    assert re.search(r": CITRINE_OCPP_LISTEN=127.0.0.1:\d+ make up\n$", ran.stderr)
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "can't be used: Not a directory"), (["--ocpi"], "--ocpi-listen: 'nowhere' is not an address")],
    ids=["without it", "with it"],
)
def test_an_address_of_the_ocpi_adapter_is_only_checked_where_it_runs(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    ran = subprocess.run(
        [quick_citrine(), "up", *LISTEN, "--data-dir", "/dev/null/data", *arguments],
        env={**os.environ, "CITRINE_OCPI_LISTEN": "nowhere"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )

    assert ran.returncode != 0
    assert said in ran.stderr


def test_a_console_whose_port_is_in_use_is_left_out_and_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        running = Running(tmp_path, "--no-demo", "--console-listen", address)
        port = address.rpartition(":")[2]
        running.wait_for(rf"there is no console: port {port} .* is in use on 127\.0\.0\.1; .*CITRINE_CONSOLE_LISTEN=")
        running.wait_for("What happens")

    assert "login/link" not in "".join(running.lines)
    assert running.end(signal.SIGTERM) == 0


def test_a_variable_of_an_address_that_is_empty_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {f"--{name}-listen": f"CITRINE_{name.upper().replace('-', '_')}_LISTEN" for name in OPTIONAL}
    for variable in variables.values():
        monkeypatch.setenv(variable, "")
    options = zip(LISTEN[::2], LISTEN[1::2], strict=True)

    running = Running(tmp_path, "--no-demo", listen=[*chain(*(one for one in options if one[0] not in variables))])
    running.wait_for("What happens")

    output = "".join(running.lines)
    assert [word for word in ("wss://", "login/link", "there is no console") if word in output] == []
    assert running.end(signal.SIGTERM) == 0


def test_a_start_that_takes_long_says_what_it_waits_for(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "citrine.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        running = Running(tmp_path, "--no-demo")
        assert running.wait_for(r"the database takes longer, .* it goes on, see .citrine/upgrade.log")
        other.rollback()
    running.wait_for("What happens")
    assert running.end(signal.SIGTERM) == 0


def test_a_database_that_can_not_be_used_is_one_clear_line(tmp_path: Path) -> None:
    ran = subprocess.run(
        [quick_citrine(), "up", *LISTEN, "--database", "sqlite+aiosqlite:////nowhere/citrine.db"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )

    assert ran.returncode == 1
    assert ran.stderr.startswith("error: the database upgrade ended with exit code 1 (see .citrine/upgrade.log): ")
    assert ran.stderr.count("\n") == 1
