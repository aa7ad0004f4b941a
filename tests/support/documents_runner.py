"""Typing what documents say: a demo in an empty directory, and a shell beside it."""

import asyncio
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine_sdk import Citrine
from tests.support.documents import ROOT, Step, read_files, read_tables

__all__ = ["Demo", "Reader", "demo", "walk_blocks"]

BLOCKS = "docs/blocks.md"

BIN = Path(sys.executable).parent
TIMEOUT = 150.0
"""Seconds that anything may take."""

PATIENCE = 0.5
"""Seconds until a command that does not show yet what it will is typed again: a process each time."""

_LISTEN = [
    *("--ocpp-listen", "127.0.0.1:0"),
    *("--ocpps-listen", "127.0.0.1:0"),
    *("--ocpps-mtls-listen", "127.0.0.1:0"),
    *("--grpc-listen", "127.0.0.1:0"),
    *("--core-http-listen", "127.0.0.1:0"),
    *("--edge-http-listen", "127.0.0.1:0"),
    *("--console-listen", "127.0.0.1:0"),
]


OF_1_6 = "DEMO-4"
"""The station of the demo that speaks OCPP 1.6: what documents do with a transaction is not always in it."""


class Demo:
    """A `citrine up` that runs."""

    def __init__(self, directory: Path, commands: Path) -> None:
        self.directory = directory
        self._commands = commands
        core, edge, console = (
            json.loads((directory / f".citrine/{one}.ready.json").read_text()) for one in ("core", "edge", "console")
        )
        self.core: str = core["grpc"]
        self.addresses = {
            **{"50051": core["grpc"], "9001": edge["http"], "9002": core["http"]},
            **{"9000": edge["ocpp"], "9443": edge["ocpps"], "9444": edge["ocpps_mtls"]},
            "8080": console["http"],
        }
        """By the port of a `citrine up` that nothing else was said to."""
        self._last: str | None = None
        self.key = (directory / ".citrine/operator.key").read_text().strip()

    def environment(self) -> dict[str, str]:
        """Return the variables of a reader's shell."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("CITRINE_")}
        path = os.pathsep.join([str(self._commands), str(BIN), others["PATH"]])
        return {**others, "PATH": path, "CITRINE_CORE": self.core, "TZ": "UTC", "COLUMNS": "200"}

    def transaction(self, station_id: str = "", evse_id: int = 0) -> str:
        """Return the id of the newest transaction that goes on, waiting until there is one.

        Args:
            station_id: At this station; empty: at any.
            evse_id: At this EVSE rather than at another one.
        """
        return asyncio.run(self._transaction(station_id, evse_id))

    def fill(self, command: str) -> str:
        """Return a command with ids in the place of ID, ASSIGNMENT, REQUEST, ORDER and FINGERPRINT."""
        if re.search(r"\bID\b", command):
            if self._last is None or re.search(r" (stop|set|close|check|cost|CostUpdated) | --transaction ", command):
                station = re.search(r"DEMO-\d", command)
                evse = re.search(r"--evse (\d)", command)
                # EVSE 2 of the stations of the demo is the reader's: what is stopped is what was started there.
                evse_id = int(evse[1]) if evse else 2 if " stop " in command else 0
                self._last = self.transaction(station[0] if station else "", evse_id)
            command = re.sub(r"\bID\b", self._last, command)
        lists = (
            ("REQUEST", _lists(command), "requestId"),
            ("ASSIGNMENT", "tariff assignments", "assignmentId"),
            ("ORDER", "certificate orders", "orderId"),
            ("FINGERPRINT", _certificates(command), "fingerprint"),
        )
        for word, noun, field in lists:
            if re.search(rf"\b{word}\b", command):
                command = re.sub(rf"\b{word}\b", str(self._first(noun)[field]), command)
        return command

    def _first(self, words: str) -> dict[str, object]:
        """Return the first object of a list, waiting until there is one."""
        _wait_until(lambda: bool(self._list(words)), lambda: f"citrine {words} has nothing", PATIENCE)
        return self._list(words)[0]

    def _list(self, words: str) -> list[dict[str, object]]:
        ran = subprocess.run(
            [self._commands / "citrine", "--tenant", "demo", "--json", *words.split()],
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT,
        )
        found: list[dict[str, object]] = json.loads(ran.stdout)
        return found

    async def _transaction(self, station_id: str, evse_id: int) -> str:
        async with Citrine(self.core, key=self.key, tenant="demo") as citrine, asyncio.timeout(TIMEOUT):
            while True:
                found = await citrine.transactions.ListTransactions(
                    ListTransactionsRequest(station_id=station_id, active_only=True, page_size=10)
                )
                able = [one for one in found.transactions if station_id or one.station_id != OF_1_6]
                if able:
                    # The newest comes first, and is the one where none is at that EVSE.
                    there = [one for one in able if one.evse_id == evse_id]
                    return str((there or able)[0].transaction_id)
                await asyncio.sleep(0.2)


@contextmanager
def demo(directory: Path, commands: Path) -> Iterator[Demo]:
    """Run `citrine up` in an empty directory, until its stations charge.

    Args:
        directory: Where.
        commands: The folder of the `citrine` that its readers type.
    """
    # What documents name by its place in the repository is where their reader has it.
    (directory / "docs").symlink_to(ROOT / "docs")
    printed = directory / "up.txt"
    with printed.open("w") as output:
        process = subprocess.Popen([commands / "citrine", "up", *_LISTEN], cwd=directory, stdout=output, stderr=output)
    try:
        _wait_until(lambda: "charg" in printed.read_text() or process.poll() is not None, printed.read_text)
        assert process.poll() is None, printed.read_text()
        running = Demo(directory, commands)
        running.transaction()
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT)


class Reader:
    """One who types the commands of a document into one shell, and sees what they print."""

    def __init__(self, demo: Demo) -> None:
        self.problems: list[str] = []
        self._demo = demo
        self._output = demo.directory / f"reader-{os.urandom(4).hex()}"
        self._output.mkdir()
        self._count = 0
        self._going: list[tuple[int, Step, Path]] = []
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=demo.directory,
            env=demo.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        # Each process in the background in a group of its own, so that it takes a Ctrl-C.
        self._tell("set -m; echo")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def follow(self, document: str, steps: list[Step]) -> None:
        """Do all steps in order beside the files that the document shows, and collect what went wrong."""
        for name, text in read_files(document).items():
            (self._demo.directory / name).write_text(text)
        for step in steps:
            if problem := self.do(step):
                self.problems.append(f"{document}:{step.line}: {step.text}\n{problem}")

    def do(self, step: Step) -> str:
        """Do one, and return what is wrong with it, or nothing."""
        end = time.monotonic() + TIMEOUT
        while (problem := self._do(step)) and step.by_and_by and time.monotonic() < end:
            time.sleep(PATIENCE)
        return problem

    def _do(self, step: Step) -> str:
        self._count += 1
        output = self._output / f"{self._count}.txt"
        output.touch()
        command = self._command(step)
        redirected = f"eval {shlex.quote(command)} >{output} 2>&1 </dev/null"
        if step.goes_on and not step.text.startswith("make up"):
            pid = int(self._tell(f'{redirected} & printf "%s\\n" "$!"'))
            self._going.append((pid, step, output))
            _wait_until(lambda: bool(output.read_text().strip()), lambda: f"{command} prints nothing")
            return self._shown(step, output, wait=True)
        code = self._tell(f'{redirected}; printf "%s\\n" "$?"')
        if code != "0":
            return f"exit code {code}: {output.read_text()[-2000:]}"
        return self._shown(step, output, wait=False)

    def close(self) -> None:
        """End what goes on, and the shell."""
        try:
            for pid, step, output in self._going:
                try:
                    os.killpg(pid, signal.SIGINT)
                except ProcessLookupError:
                    self.problems.append(f"{step.text}\nended by itself: {output.read_text()[-2000:]}")
            self._tell("wait; echo")
            for _, step, output in self._going:
                if "Traceback" in (said := output.read_text()):
                    self.problems.append(f"{step.text}\nCtrl-C does not end it in order: {said[-2000:]}")
        finally:
            self._shell.kill()
            self._shell.communicate()

    def _command(self, step: Step) -> str:
        text = step.text
        if text.startswith("make up"):
            return "citrine up --show"
        if text.startswith("citrine simulate ") and "--url" not in text:
            text = text.replace("simulate", f"simulate --url ws://{self._demo.addresses['9000']}", 1)
        if step.is_python:
            program = self._output / f"{self._count}.py"
            program.write_text(self._with_ports(text))
            return f"{shlex.quote(sys.executable)} -u {program}"
        return self._with_ports(self._demo.fill(text.replace(".venv/bin/citrine", "citrine")))

    def _with_ports(self, text: str) -> str:
        for port, address in self._demo.addresses.items():
            text = re.sub(rf"(127\.0\.0\.1|localhost|HOST):{port}\b", address, text)
        return text

    def _shown(self, step: Step, output: Path, *, wait: bool) -> str:
        def missing() -> list[str]:
            printed = [_plain(line) for line in output.read_text().splitlines()]
            return [one for one in step.shows if not any(_pattern(one).fullmatch(line) for line in printed)]

        if wait:
            end = time.monotonic() + TIMEOUT
            while missing() and time.monotonic() < end:
                time.sleep(0.1)
        if lines := missing():
            return "does not print:\n" + "\n".join(lines) + "\nbut:\n" + output.read_text()[-3000:]
        return ""

    def _tell(self, line: str) -> str:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(line + "\n")
        self._shell.stdin.flush()
        ready, _, _ = select.select([self._shell.stdout], [], [], TIMEOUT)
        if not ready:
            os.killpg(self._shell.pid, signal.SIGKILL)
            raise AssertionError(f"does not end: {line}")
        return self._shell.stdout.readline().strip()


def walk_blocks(directory: Path, sections: str, commands: Path) -> str:
    """Type the commands of some sections of the blocks' page, and return what went wrong, or nothing."""
    steps, _ = read_tables(BLOCKS, sections)
    with demo(directory, commands) as running, Reader(running) as reader:
        reader.follow(BLOCKS, [Step(1, "export CITRINE_TENANT=demo"), *steps])
    return "\n\n".join(reader.problems)


def _lists(command: str) -> str:
    """Return the command that lists the requests which another one is about."""
    station = re.search(r"DEMO-\d", command)
    if "firmware" in command:
        return f"firmware list --station {station[0]}" if station else "firmware list"
    kind = re.search(r"--kind \S+", command)
    return " ".join(["report list", *([f"--station {station[0]}"] if station else []), *([kind[0]] if kind else [])])


def _certificates(command: str) -> str:
    """Return the command that lists the certificates which another one is about."""
    if station := re.search(r"certificate revoke (DEMO-\d)", command):
        return f"certificate issued --station {station[1]}"
    return "certificate list" if re.search("certificate (show|set|remove)", command) else "certificate installed"


def _plain(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(one) for one in _plain(line).split("…")))


def _wait_until(done: Callable[[], bool], problem: Callable[[], str], interval: float = 0.1) -> None:
    end = time.monotonic() + TIMEOUT
    while not done():
        assert time.monotonic() < end, problem()
        time.sleep(interval)
