"""`citrine up` on a terminal: a head that stays, whatever happens below it, and that another shell prints again."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.quick_commands import quick_citrine
from tests.support.screen import Terminal
from tests.support.terminal import on_terminal

pytestmark = pytest.mark.timeout(400)

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
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("CITRINE_")}
ELSEWHERE = (
    "; start it here with: citrine up; show one that runs elsewhere with: citrine up --show --data-dir THERE/.citrine\n"
)
HEAD = "Citrine is up. Ctrl-C stops it"


def show(directory: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [quick_citrine(), "up", "--show", *options],
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def start(citrine: Path, directory: Path, rows: int, columns: int, term: str) -> Terminal:
    environment = {**ENVIRONMENT, "TERM": term, "PYTHONIOENCODING": "utf-8"}
    return Terminal([citrine, "up", *LISTEN], directory, rows, columns, environment)


@pytest.fixture
def made_before(sqlite_template: Path, tmp_path: Path) -> None:
    """Have the tables that a first start would make, which takes as long as all else of it."""
    shutil.copy(sqlite_template, tmp_path / "citrine.db")


@pytest.fixture
def terminal(tmp_path: Path, made_before: None) -> Iterator[Terminal]:
    # What is installed: a fork does not hear that its terminal has another size.
    running = start(CITRINE, tmp_path, 24, 80, "xterm-256color")
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def test_the_head_stays_and_is_printed_again_elsewhere(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for(HEAD)
    # More lines than there are rows.
    while terminal.raw.count("\n") < 24 + 40:
        terminal.wait_for("transaction")
        assert terminal._read()
    shown = terminal.shown().splitlines()
    assert shown[0].startswith(HEAD)
    head = " ".join(" ".join(shown[:14]).split())
    assert "--tenant demo station list" in head
    assert "--tenant demo station add CS-1, then station watch CS-1" in head
    assert "citrine up --show" in head
    assert any(line and not line.strip("─") for line in shown[:14])

    again = show(tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert len(re.findall(r"wss?://127\.0\.0\.1:\d+/demo/DEMO-\d  password \S+", again.stdout)) == 4
    assert "token      DEADBEEF" in again.stdout
    seen = on_terminal("up", "--show", directory=tmp_path)
    assert max(map(len, seen.lines)) <= 80
    # Nothing is broken but between two words.
    assert seen.text.split() == again.stdout.split()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert ELSEWHERE in show(elsewhere).stderr
    assert show(elsewhere, "--data-dir", "../.citrine").stdout == again.stdout

    terminal.resize(50, 140)
    whole = terminal.wait_for(r"DEMO-3  password \S+")
    assert whole.splitlines()[0].startswith(HEAD)
    terminal.resize(10, 40)
    # Too small: plain lines, on all of the screen.
    while terminal.raw.rindex("\x1b[r") < terminal.raw.rindex("r\x1b[50;1H"):
        assert terminal._read()
    terminal.wait_for(r"transaction|evse|kWh")
    terminal.resize(24, 80)
    assert terminal.wait_for(HEAD).splitlines()[0].startswith(HEAD)

    assert terminal.end(signal.SIGINT) == 0
    assert terminal.raw.endswith("\x1b[r\x1b[24;1H") or "\x1b[r\x1b[24;1H" in terminal.raw[-200:]
    gone = show(tmp_path)
    assert (gone.returncode, gone.stderr) == (
        1,
        f"error: no citrine up runs with .citrine in this folder{ELSEWHERE}",
    )


def test_one_that_was_killed_is_not_shown(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for(HEAD)
    terminal.end(signal.SIGKILL)

    gone = show(tmp_path)

    assert gone.returncode == 1
    assert gone.stderr == (
        f"error: no citrine up runs with .citrine in this folder; the one of process {terminal.process.pid} ended "
        f"without stopping{ELSEWHERE}"
    )


@pytest.mark.usefixtures("made_before")
def test_a_terminal_that_can_not_gets_plain_lines(tmp_path: Path) -> None:
    plain = start(quick_citrine(), tmp_path, 24, 80, "dumb")
    try:
        plain.wait_for("What happens")
        assert "\x1b" not in plain.raw
        assert "DEMO-3  password" in plain.raw
    finally:
        assert plain.end(signal.SIGTERM) == 0
    assert "\x1b" not in plain.raw


def test_one_that_never_ran_is_not_shown(tmp_path: Path) -> None:
    assert show(tmp_path).stderr == f"error: no citrine up runs with .citrine in this folder{ELSEWHERE}"
    assert list(tmp_path.iterdir()) == []
