import asyncio
import base64
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import citrine_simulator
from citrine_simulator import read_journal
from citrine_simulator.app import main
from citrine_simulator.events import Event
from citrine_simulator.trouble import Trouble
from tests.clients.simulator.csms import Csms
from tests.support.waiting import WAIT


async def run(*argv: str) -> int:
    """Run the program in a thread of its own, with a loop of its own."""
    return await asyncio.to_thread(main, argv)


async def test_faults_deliver_everything(csms: Csms, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "journal"

    code = await run(
        *("--scenario", "faults", "--stations", "2", "--url", csms.url, "--speed", "3600", "--duration", "0.5"),
        *("--journal", str(journal), "--json", "--variable", "OCPPCommCtrlr.RetryBackOffWaitMinimum=0"),
        *("--variable", "OCPPCommCtrlr.RetryBackOffRandomRange=0", "--drop-every", "0.2"),
        *("--variable", "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]=0"),
    )

    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    summary = read_journal(journal)
    assert code == 0
    assert result["queued"] == result["acknowledged"] == len(summary.acknowledged) > 0
    assert summary.pending == set()


async def test_paced_stations_print_their_result(csms: Csms, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run(
        *("--scenario", "paced", "--rate", "50", "--say", "heartbeats", "--url", csms.url),
        *("--stations", "5", "--duration", "0.4", "--warm-up", "0", "--json"),
    )

    result = json.loads(capsys.readouterr().out)
    assert code == 0
    assert result["due"] == pytest.approx(20, abs=8)
    assert (result["unanswered"], result["errors"]) == (0, {})
    assert len(csms.of("Heartbeat")) >= result["answered"] > 0


async def test_load_prints_its_result(csms: Csms, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run("--scenario", "load", "--url", csms.url, "--duration", "0.2", "--warm-up", "0", "--json")

    result = json.loads(capsys.readouterr().out)
    assert code == 0
    assert result["answered"] > 0
    assert result["cpu_us_per_message"] > 0


async def test_a_boot_storm_prints_its_result(csms: Csms, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run("--scenario", "boot-storm", "--stations", "5", "--url", csms.url)

    assert code == 0
    assert "done: 5" in capsys.readouterr().out.splitlines()


async def test_idle_says_when_it_is_ready(csms: Csms, capsys: pytest.CaptureFixture[str]) -> None:
    code = await run("--scenario", "idle", "--url", csms.url, "--duration", "0.1", "--events", "--json")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert lines == [{"event": "ready", "stations": 1}, {"stations": 1, "still_connected": 1}]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        pytest.param(["--bogus"], 2, id="argument"),
        pytest.param(["--variable", "Toaster.Heat=1"], 2, id="variable"),
        pytest.param(["--station", "x" * 99], 2, id="station id"),
        pytest.param(["--scenario", "idle", "--url", "http://127.0.0.1"], 1, id="url"),
        pytest.param(["--scenario", "load", "--url", "ws://127.0.0.1:1"], 1, id="nobody there"),
        *(
            pytest.param(
                ["--scenario", scenario, "--url", "ws://127.0.0.1:1", "--duration", "0.1"], 1, id=f"{scenario}: no CSMS"
            )
            for scenario in ("charge", "faults", "idle")
        ),
        pytest.param(["--journal", "/nowhere/journal"], 1, id="journal"),
    ],
)
async def test_what_goes_wrong_is_one_line(argv: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(*argv) == code

    written = capsys.readouterr()
    assert written.err.count("\n") == 1
    assert written.err.startswith("citrine simulate: ")


async def test_a_signal_ends_it_in_order(csms: Csms, tmp_path: Path) -> None:
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "citrine_simulator", "--url", csms.url, "--speed", "600"),
        *("--journal", str(tmp_path / "journal")),
        env={"PYTHONPATH": str(Path(citrine_simulator.__file__).parents[1])},
    )
    await csms.until_count("TransactionEvent", 4)

    simulator.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(simulator.wait(), 10) == 0
    assert csms.of("TransactionEvent")[-1]["eventType"] == "Ended"
    assert read_journal(tmp_path / "journal").pending == set()


@pytest.mark.parametrize("stations", ["1", "3"])
async def test_who_waits_for_a_csms_is_told_so(csms: Csms, stations: str) -> None:
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "citrine_simulator", "--url", "ws://127.0.0.1:1", "--stations", stations),
        env={"PYTHONPATH": str(Path(citrine_simulator.__file__).parents[1])},
        stderr=asyncio.subprocess.PIPE,
    )
    assert simulator.stderr is not None

    async with asyncio.timeout(WAIT):
        said, told = await simulator.stderr.readline(), await simulator.stderr.readline()
    simulator.send_signal(signal.SIGTERM)
    _, more = await asyncio.wait_for(simulator.communicate(), 30)

    name = "1 station" if stations == "1" else "3 stations"
    assert said.decode() == (
        f"citrine simulate: {name} to connect to ws://127.0.0.1:1; --events shows what they do, Ctrl-C stops it\n"
    )
    unreachable = "no CSMS answers at ws://127.0.0.1:1: Connection refused"
    assert (told + more).decode() == f"citrine simulate: {unreachable}; trying again until it does, or Ctrl-C\n"


def test_who_is_refused_is_told_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    trouble = Trouble("ws://127.0.0.1:1", "demo")
    for name, station, status in (
        ("refused", "CS-1", 401),
        ("refused", "CS-2", 401),
        ("refused", "CS-1", 503),
        ("connected", "CS-1", 0),
        ("refused", "CS-1", 503),
    ):
        trouble.event(Event(datetime.now(UTC), station, name, {"status": status}))

    said = capsys.readouterr().err.splitlines()
    assert "citrine --tenant demo station add CS-1 --password P" in said[0]
    assert [line.split(": ")[1] for line in said] == [
        "CS-1 is refused with HTTP status 401",
        "CS-1 is refused with HTTP status 503",
        "CS-1 is refused with HTTP status 503",
    ]


async def test_the_first_steps_are_told_and_why_there_are_none(
    csms: Csms, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tenant is that of the other commands."""
    monkeypatch.setenv("CITRINE_TENANT", "north")
    options = ("--speed", "3600", "--pause", "0", "--for", "2s", "--stations", "2")

    assert await run("--url", csms.url, *options) == 0
    said = capsys.readouterr().err.splitlines()
    code = await run("--url", "ws://nowhere.invalid", *options)

    assert [line.split(": ")[1].rsplit("-", 1)[0] for line in said] == [
        "2 stations connected",
        "the first EV charges, at SIM",
    ]
    assert {path.split("/")[-2] for path in csms.paths} == {"north"}
    assert (code, capsys.readouterr().err.splitlines()[-1]) == (
        1,
        "citrine simulate: no station has connected to ws://nowhere.invalid: its host has no address",
    )


async def test_a_fleet_is_run_from_its_file_and_reported(
    csms: Csms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet, report = tmp_path / "fleet.toml", tmp_path / "report.json"
    fleet.write_text('version = 1\n[[stations]]\nids = "CS-{1..3}"\npassword = "secret of {id}"\n')

    code = await run(
        *("--fleet", str(fleet), "--url", csms.url, "--for", "3s", "--report", str(report)),
        *("--password", "another secret"),
    )

    written = json.loads(report.read_text())
    assert code == 0
    assert capsys.readouterr().out.splitlines()[-1] == "passed"
    assert (written["report_version"], written["ended_by"], written["totals"]["accepted"]) == (1, "time", 3)
    assert {base64.b64decode(one["Authorization"].split()[1]) for one in csms.headers} == {
        f"CS-{number}:another secret".encode() for number in (1, 2, 3)
    }


async def test_a_fleet_that_fails_says_why(csms: Csms, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = tmp_path / "fleet.toml"
    fleet.write_text('version = 1\n[[stations]]\nids = "CS-1"\n')
    csms.registration = "Pending"

    code = await run("--fleet", str(fleet), "--url", csms.url, "--for", "300ms", "--json")

    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 1
    assert result["verdict"]["problems"] == {"unaccepted": 1}


async def test_a_wrong_fleet_file_is_told_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = tmp_path / "fleet.toml"
    fleet.write_text('version = 1\n[[stations]]\nids = "CS-1"\nversion = "1.5"\n')

    assert await run("--fleet", str(fleet)) == 2
    assert "fleet.toml:4: stations.1.version: Input should be '1.6'" in capsys.readouterr().err


async def test_a_fleet_that_is_interrupted_writes_its_report(csms: Csms, tmp_path: Path) -> None:
    fleet, report = tmp_path / "fleet.toml", tmp_path / "report.json"
    fleet.write_text(
        'version = 1\n[[stations]]\nids = "CS-1"\nspeed = 600\n'
        'behaviour = { kind = "charge", charging_for = "1h", pause = 0 }\n'
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "citrine_simulator", "--fleet", str(fleet), "--url", csms.url),
        *("--report", str(report)),
        stdout=asyncio.subprocess.PIPE,
    )
    await csms.until_count("TransactionEvent", 3)

    process.send_signal(signal.SIGINT)
    await process.communicate()

    written = json.loads(report.read_text())
    assert process.returncode == 0
    assert written["ended_by"] == "signal"
    assert [one["stopped_reason"] for one in written["stations"][0]["transactions"]] == ["Local"]
    assert written["totals"]["undelivered"] == 0
