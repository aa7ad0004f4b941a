"""The programs of docs/examples, generated, built and run as their page says, against real processes."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from tests.support.deployment import Deployment, deploy
from tests.support.raw_station import RawStation, raw_station
from tests.support.waiting import WAIT

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"

PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class Language:
    """How the program in one language is made and started, as docs/examples/README.md says."""

    folder: str
    tools: tuple[str, ...]
    download: tuple[str, ...]
    """What asks a registry: where it fails, nothing can be built here."""
    start: str


LANGUAGES = [
    Language(
        "go", ("go", "npm"), ("go -C docs/examples/go mod download", "make .buf/node_modules/.bin/buf"), "./follow"
    ),
    Language("typescript", ("node", "npm"), ("npm --prefix docs/examples/typescript install",), "node dist/follow.js"),
]


class Program:
    """A running program, by the lines that it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    async def prints(self, line: str) -> None:
        """Wait until it prints a line."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(WAIT):
                while line not in self.lines:
                    printed = await self._process.stdout.readline()
                    assert printed, f"it ended before {line!r}: {self.lines}"
                    self.lines.append(printed.decode().rstrip())
        except TimeoutError:
            pytest.fail(f"it did not print {line!r}: {self.lines}")


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # A registry that does not answer is given up at once, not after minutes.
    quick = {"npm_config_fetch_retries": "0", "npm_config_fetch_timeout": "20000"}
    # What was compiled in another folder is used again only without that folder's path in it.
    quick |= {"GOFLAGS": "-mod=readonly -trimpath"}
    return subprocess.run(
        command.split(), cwd=folder, env={**os.environ, **quick}, capture_output=True, text=True, check=False
    )


def build(language: Language, root: Path) -> Path:
    """Build the program in a copy of the tree and return its folder.

    Without the tools, and where a registry can't be reached, the test is skipped and says so.
    """
    for tool in language.tools:
        if shutil.which(tool) is None:
            pytest.skip(f"docs/examples/{language.folder} was not built: {tool} is not installed")
    no_output = shutil.ignore_patterns("gen", "dist", "node_modules", "follow", "*.py", "*.pyi", "__pycache__")
    shutil.copytree(ROOT / "protos", root / "protos", ignore=no_output)
    folder = root / "docs" / "examples" / language.folder
    shutil.copytree(EXAMPLES / language.folder, folder, ignore=no_output)
    shutil.copy(ROOT / "Makefile", root)
    for command in language.download:
        done = shell(command, root)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            pytest.skip(f"docs/examples/{language.folder} was not built: {command!r} failed: {said[0]}")
    done = shell(f"make {language.folder}", root)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return folder


@contextlib.asynccontextmanager
async def started(language: Language, folder: Path, deployment: Deployment) -> AsyncIterator[Program]:
    """Start the program against a core."""
    process = await asyncio.create_subprocess_exec(
        *language.start.split(),
        cwd=folder,
        env={
            **os.environ,
            "CITRINE_CORE": deployment.core_addresses[0],
            "CITRINE_KEY_FILE": str(deployment.directory / "operator.key"),
            "CITRINE_TENANT": "default",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Program(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def prepare(deployment: Deployment) -> None:
    """Register a station at which energy costs 0.30 a kWh, and one that never connects."""
    component = tariffs.PriceComponent(dimension=tariffs.TARIFF_DIMENSION_ENERGY, price="0.30")
    price = tariffs.Tariff(
        tariff_id="PER-KWH", currency="EUR", elements=[tariffs.TariffElement(price_components=[component])]
    )
    assignment = tariffs.TariffAssignment(tariff_id="PER-KWH", station_id="CS-1")
    async with deployment.client(tenant="default") as citrine:
        for station_id in ("CS-1", "CS-2"):
            station = Station(station_id=station_id)
            await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
        await citrine.tariffs.CreateTariff(tariffs.CreateTariffRequest(tariff=price))
        await citrine.tariffs.AssignTariff(tariffs.AssignTariffRequest(assignment=assignment))


async def report(station: RawStation, kind: str, seq_no: int, wh: int) -> None:
    """Send an event of the transaction with a reading of its register."""
    event: dict[str, Any] = {
        "eventType": kind,
        "timestamp": f"2026-03-01T10:0{seq_no}:00Z",
        "triggerReason": "Trigger",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "T-1"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": f"2026-03-01T10:0{seq_no}:00Z", "sampledValue": [{"value": wh}]}],
    }
    await station.result("TransactionEvent", event)


# Compiling all that gRPC needs takes minutes where a cache is cold and the machine is busy.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.folder)
async def test_the_program_follows_energy_and_costs_across_a_restart(
    language: Language, sqlite_url: str, tmp_path: Path
) -> None:
    folder = await asyncio.to_thread(build, language, tmp_path / "copy")
    async with deploy(sqlite_url, tmp_path / "citrine", migrated=True) as deployment:
        await prepare(deployment)
        async with raw_station(deployment.url(), "CS-1", PASSWORD) as station:
            await station.boot()
            await report(station, "Started", 0, 1000)
            async with started(language, folder, deployment) as program:
                await program.prints("CS-1 connected")
                await program.prints("CS-2 offline")
                action, payload = await station.answer({"status": "Accepted"})
                await report(station, "Updated", 1, 6000)
                await program.prints("CS-1 T-1 took 5.000 kWh")

                deployment.cores[0].stop()
                deployment.cores[0].start()
                await deployment.cores[0].ready()
                await deployment.edges[0].serving()
                async with raw_station(deployment.url(), "CS-1", PASSWORD, patient=True) as again:
                    await report(again, "Ended", 2, 11000)
                await program.prints("CS-1 T-1 costs 3.00 EUR")
        if language.folder == "typescript":
            async with started(replace(language, start="node dist/billing.js"), folder, deployment) as billing:
                await billing.prints("T-1 revision 1: 3.00 EUR")

    assert (action, payload["requestedMessage"]) == ("TriggerMessage", "TransactionEvent")
    assert "CS-1 answered ACCEPTED" in program.lines
    assert program.lines.count("CS-1 T-1 took 5.000 kWh") == 1
    assert "CS-1 T-1 took 10.000 kWh" in program.lines
    assert any(line.startswith("stream lost: ") for line in program.lines)


def test_versions_are_exact_and_nothing_names_where_they_come_from() -> None:
    """One buf for the example and for `make lint`; lock files of npm record addresses, so there is none."""
    makefile = re.findall(r"^BUF_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    package = (EXAMPLES / "typescript" / "package.json").read_text()

    assert f'"@bufbuild/buf": "{makefile[0]}"' in package
    assert re.findall(r'": "([\^~><*].*)"', package) == [">=20"]
    assert not (EXAMPLES / "typescript" / "package-lock.json").exists()
