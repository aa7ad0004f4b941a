"""What the command line says of ids that are almost right, or of nothing at all, against a real core."""

import asyncio
import os
import pty
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from citrine.api.v1 import commands_pb2
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine_cli.main import main
from tests.support.core import RunningCore
from tests.support.quick_commands import quick_citrine
from tests.support.terminal import on_terminal
from tests.support.waiting import WAIT

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def run(core: RunningCore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process against a real core with a few things in it."""
    for name in [name for name in os.environ if name.startswith("CITRINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CITRINE_CORE", core.address)
    monkeypatch.setenv("CITRINE_KEY", core.key)
    monkeypatch.setenv("CITRINE_TENANT", "default")
    # Where the machine is busy, a suggestion takes longer than who waits for an error should wait for it.
    monkeypatch.setattr("citrine_cli.near_ids.SECONDS", WAIT)
    for station in ("DEPOT-1", "DEPOT-2", "yard"):
        await core.add_station(station)
    await core.add_tenant("demo")

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    for command in (
        "token add DEADBEEF --type ISO14443",
        "tariff create night --currency EUR --energy 0.30",
        "configuration add site OCPPCommCtrlr.HeartbeatInterval=120",
        "tolerance set acme --vendor Acme --accept extra-fields",
        "key add console --scope stations:read",
    ):
        assert (await run(*command.split()))[0] == 0, command
    return run


CASES = [
    ("station show DEPOT1", "station DEPOT1 does not exist; did you mean DEPOT-1 or DEPOT-2?"),
    ("station show Yard", "station Yard does not exist; did you mean yard?"),
    ("station show nothing-like-it", "station nothing-like-it does not exist"),
    ("transaction list --station DEPOT-11", "station DEPOT-11 does not exist; did you mean DEPOT-1 or DEPOT-2?"),
    ("station reset DEPOT-", "station DEPOT- does not exist; did you mean DEPOT-1 or DEPOT-2?"),
    ("token show DEADBEAF --type ISO14443", "token DEADBEAF does not exist; did you mean DEADBEEF?"),
    ("tariff assign night --token DEADBEE", "token DEADBEE does not exist; did you mean DEADBEEF?"),
    ("tariff show nihgt", "tariff nihgt does not exist; did you mean night?"),
    ("configuration show sites", "configuration sites does not exist; did you mean site?"),
    ("tolerance remove acne", "tolerance rule acne does not exist; did you mean acme?"),
    ("--tenant dmeo station list", "tenant dmeo does not exist; did you mean demo?"),
    (
        "--tenant production station list",
        "tenant production does not exist; --tenant or CITRINE_TENANT names one of: default, demo",
    ),
    ("events --station DEPOT_1", "station DEPOT_1 does not exist; did you mean DEPOT-1 or DEPOT-2?"),
    ("key show cosnole", "key cosnole does not exist; did you mean console?"),
    ("key revoke cosnole", "key cosnole does not exist; did you mean console?"),
    ("station progress DEPOT-1", "station DEPOT-1 has no configuration"),
    ("station drift DEPOT-1", "station DEPOT-1 has no configuration"),
    (
        "call DEPOT-1 Reset",
        "request.type: is missing: expected Immediate, OnIdle or ImmediateAndResume",
    ),
    ("messages DEPOT-1 yrad", "station yrad does not exist; did you mean yard?"),
]


async def test_an_id_that_is_almost_right_is_named(run: Run) -> None:
    for command, said in CASES:
        assert await run(*command.split()) == (1, "", f"error: {said}\n")


async def test_refusals_are_of_the_station_that_is_named(run: Run) -> None:
    assert await run("station", "refusals", "DEPOT-1") == (0, "nobody was refused\n", "")
    code, _, err = await run("station", "refusals", "DEPOT-1", "--station", "yard")
    assert (code, err) == (2, "error: DEPOT-1 and --station yard exclude each other\n")


REMOVALS = [
    ("station remove DEPOT-", "station DEPOT- does not exist; did you mean DEPOT-1 or DEPOT-2?"),
    ("token remove DEADBEAF", "token DEADBEAF does not exist; did you mean DEADBEEF?"),
    ("tariff remove nihgt", "tariff nihgt does not exist; did you mean night?"),
    ("configuration remove sites", "configuration sites does not exist; did you mean site?"),
    ("tolerance remove acne", "tolerance rule acne does not exist; did you mean acme?"),
    ("tenant remove dmeo", "tenant dmeo does not exist; did you mean demo?"),
    ("key revoke cosnole", "key cosnole does not exist; did you mean console?"),
]


async def test_nobody_is_asked_whether_to_remove_what_is_not_there(run: Run, tmp_path: Path) -> None:
    for command, said in REMOVALS:
        ran = await asyncio.to_thread(on_terminal, *command.split(), columns=200, directory=tmp_path, **connection())
        assert (ran.code, ran.text) == (1, f"error: {said}\n")


def connection() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("CITRINE_")}


async def test_a_tariff_that_is_assigned_is_not_removed_and_what_to_do_is_said(run: Run, tmp_path: Path) -> None:
    await run("tariff", "assign", "night", "--station", "yard")

    on_tty = await asyncio.to_thread(
        on_terminal, *("tariff", "remove", "night"), columns=200, directory=tmp_path, **connection()
    )
    code, _, err = await run("tariff", "remove", "night")

    begin = "error: tariff night is assigned; end that first, for all drivers at yard: "
    assert (code, err) == (1, on_tty.text)
    assert err.startswith(f"{begin}citrine tariff unassign ")
    assert (await run(*err.removeprefix(begin).split()[1:]))[0] == 0
    assert (await run("tariff", "remove", "night"))[:2] == (0, "tariff night removed\n")


async def test_a_name_revokes_what_its_key_took_the_place_of_as_well(run: Run) -> None:
    """Whoever rotates and revokes a key whose secret is known to others wants that secret to end."""
    first = (await run("key", "add", "leaked", "--scope", "stations:read"))[1].split()[1]
    second = (await run("key", "rotate", first))[1].split()[1]
    third = (await run("key", "rotate", "leaked"))[1].split()[1]

    code, out, err = await run("key", "revoke", "leaked")

    assert (code, err) == (0, "")
    assert sorted(line.split()[1] for line in out.splitlines()) == sorted([first, second, third])
    assert (await run("key", "revoke", "leaked"))[0] == 1


async def test_a_key_is_revoked_by_its_name_where_one_has_it(run: Run) -> None:
    code, out, _ = await run("key", "revoke", "console")
    assert code == 0
    assert re.fullmatch(r"key \S+ \(console\) revoked\n", out)
    assert await run("key", "revoke", "console") == (1, "", "error: key console does not exist\n")

    for _ in range(2):
        await run("key", "add", "console", "--scope", "stations:read")
    code, _, err = await run("key", "revoke", "console")
    assert code == 1
    assert err.startswith("error: several valid keys are named console; give the id of one: ")
    assert (await run("key", "revoke", err.split()[-1]))[0] == 0


async def test_a_token_that_nobody_knows_is_sent_with_a_warning(run: Run) -> None:
    known = await run("transaction", "start", "yard", "DEADBEEF")
    start = await run("transaction", "start", "yard", "DEADBEAF")
    reserve = await run("reservation", "add", "yard", "--token", "FFFF")

    warning = "is not known here; the station may refuse it, or stop at once"
    failed = "error: the station is not connected\n"
    assert known == (1, "", failed)
    meant = f"warning: token DEADBEAF of type ISO14443 {warning}; did you mean DEADBEEF?\n"
    assert start == (1, "", meant + failed)
    assert reserve == (1, "", f"warning: token FFFF of type ISO14443 {warning}\n{failed}")


async def test_one_of_thousands_is_found(run: Run, core: RunningCore) -> None:
    for number in range(1200):
        await core.add_station(f"A-{number:05}", password=None)

    code, _, err = await run("station", "show", "yardd")

    assert (code, err) == (1, "error: station yardd does not exist; did you mean yard?\n")


async def test_a_stream_says_on_a_terminal_what_it_waits_for(run: Run) -> None:
    for words in (("events", "--station", "DEPOT-1"), ("events", "--json"), ("messages", "DEPOT-1", "DEPOT-2")):
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            quick_citrine(), *words, stdout=asyncio.subprocess.PIPE, stderr=theirs
        )
        os.close(theirs)
        async with asyncio.timeout(WAIT):
            shown = await asyncio.to_thread(os.read, ours, 1000)
        process.terminate()
        out, _ = await process.communicate()
        os.close(ours)
        things = words[0] + (f" of {', '.join(word for word in words if word.startswith('DEPOT'))}")
        expected = (
            "waiting for events; Ctrl-C ends it" if words[1] == "--json" else f"waiting for {things}; Ctrl-C ends it"
        )
        assert (shown.decode(), out) == (f"{expected}\r\n", b"")


async def test_commands_are_listed_by_what_finds_them(run: Run, core: RunningCore) -> None:
    stub = core.stub(CommandsServiceStub)
    for _ in range(2):
        target = CommandTarget(station_id="yard", when_online=True)
        request = commands_pb2.CallStationRequest(target=target, action="ClearCache")
        await stub.CallStation(request)
    listed = commands_pb2.ListCommandsRequest()
    ids = {command.command_id for command in (await stub.ListCommands(listed)).commands}

    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(quick_citrine(), "command", "list", stdout=theirs)
    assert await process.wait() == 0
    os.close(theirs)
    lines = os.read(ours, 10_000).decode().splitlines()[1:]
    os.close(ours)

    shown = {line.split()[0] for line in lines}
    assert len(shown) == 2
    for short in shown:
        assert len(short) < 36
        assert short not in ids
        (whole,) = [command_id for command_id in ids if command_id.startswith(short)]
        code, out, _ = await run("command", "show", short)
        assert (code, whole in out) == (0, True)
