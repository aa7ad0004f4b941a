"""What the command line says beside what it does, against a real core: what is doubtful, over, or goes before."""

import asyncio
import contextlib
import os
import pty
import re
import signal
from collections.abc import Awaitable, Callable

import pytest

from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_cli.main import main
from tests.support.core import RunningCore
from tests.support.quick_commands import quick_citrine
from tests.support.waiting import WAIT

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def run(core: RunningCore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process against a real core."""
    for name in [name for name in os.environ if name.startswith("CITRINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CITRINE_CORE", core.address)
    monkeypatch.setenv("CITRINE_KEY", core.key)
    monkeypatch.setenv("CITRINE_TENANT", "default")

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


async def test_a_second_key_of_a_name_is_told(run: Run) -> None:
    _, out, err = await run("key", "add", "backend", "--scope", "stations:read")
    first = out.split()[1]
    assert err == ""

    code, out, err = await run("key", "add", "backend", "--scope", "stations:read")
    assert (code, err) == (
        0,
        f"warning: {first} is named backend, too, and valid still; see citrine key rotate\n",
    )
    second = out.split()[1]
    await run("key", "revoke", first)
    await run("key", "revoke", second)
    assert (await run("key", "add", "backend", "--scope", "stations:read"))[2] == ""


async def test_a_scope_that_nothing_needs_comes_with_those_that_are_like_it(run: Run) -> None:
    code, _, err = await run("key", "add", "backend", "--scope", "station:read")

    assert code == 1
    assert err.startswith("error: scopes[0]: no rpc needs the scope station:read; did you mean stations:read or ")


async def test_a_token_that_is_over_is_expired(run: Run) -> None:
    await run("token", "add", "DEADBEEF", "--type", "ISO14443", "--expires", "-1h")
    await run("token", "add", "CAFEBABE", "--type", "ISO14443", "--expires", "+1h")
    await run("token", "add", "04A2B3C4", "--type", "ISO14443", "--expires", "-1h", "--status", "Blocked")

    rows = [line.split() for line in (await run("token", "list"))[1].splitlines()[1:]]

    assert {row[0]: row[2] for row in rows} == {"DEADBEEF": "expired", "CAFEBABE": "accepted", "04A2B3C4": "blocked"}
    assert re.search(r"^status +expired$", (await run("token", "show", "DEADBEEF"))[1], re.MULTILINE)


async def test_negative_prices_are_allowed_and_told(run: Run) -> None:
    code, _, err = await run("tariff", "create", "SUN", "--currency", "EUR", "--energy", "-0.05", "--fee", "1")

    assert (code, err) == (0, "warning: tariff SUN has negative prices, by which drivers are paid: -0.05 EUR\n")


async def test_an_assignment_says_which_of_two_applies(run: Run, core: RunningCore) -> None:
    """What is said is what the core does."""
    await core.add_station("CS-1")
    await run("token", "add", "DEADBEEF", "--type", "ISO14443")
    for name in ("DAY", "NEW", "CARD", "SITE", "SOON", "LATER"):
        await run("tariff", "create", name, "--currency", "EUR", "--energy", "0.30")
    stub = core.stub(TariffsServiceStub)

    async def assign(*words: str) -> list[str]:
        code, out, _ = await run("tariff", "assign", *words)
        assert code == 0
        return [re.sub(r": assignment \S+$", "", line) for line in out.splitlines()[1:]]

    async def applies(station: str = "", token: str = "") -> str:
        whom = IdToken(id_token=token) if token else None
        usage = tariffs.Usage(energy_kwh="1")
        request = tariffs.PreviewCostRequest(station_id=station, id_token=whom, usage=usage)
        return (await stub.PreviewCost(request)).tariff_id

    everybody = "which applies to all drivers at all stations"
    assert await assign("DAY") == []
    assert await assign("NEW") == [f"it goes before DAY, {everybody}"]
    assert await applies() == "NEW"
    assert await assign("CARD", "--token", "DEADBEEF") == [
        f"it goes before DAY, {everybody}",
        f"it goes before NEW, {everybody}",
    ]
    assert await applies(token="DEADBEEF") == "CARD"
    assert (await assign("SITE", "--station", "CS-1"))[-1] == (
        "CARD goes before it, which applies to token DEADBEEF at all stations"
    )
    assert await applies("CS-1") == "SITE"
    assert await applies("CS-1", "DEADBEEF") == "CARD"
    # One that begins later goes before those of now, though they were made later.
    soon = await assign("SOON", "--from", "+1h", "--to", "+2h")
    assert f"it goes before NEW, {everybody}" in soon
    later = await assign("LATER")
    assert any(
        line.startswith("SOON goes before it, which applies to all drivers at all stations from ") for line in later
    )
    assert await applies() == "LATER"
    # What ended is none of these, nor what begins when this one has ended.
    assert not any("SOON" in line for line in await assign("DAY", "--to", "+30m"))


async def test_fresh_stations_have_no_gaps(run: Run, core: RunningCore) -> None:
    await core.add_station("CS-1")

    heads, row = (await run("station", "list"))[1].splitlines()

    assert heads.split("  ")[-1].strip() == "REFUSED"
    assert re.fullmatch(r"CS-1 +no +never +-", row.rstrip())
    shown = (await run("station", "show", "CS-1"))[1]
    assert re.search(r"^last seen +never$", shown, re.MULTILINE)
    assert re.search(r"^clock +not measured", shown, re.MULTILINE)


async def test_a_removal_asks_on_a_terminal(run: Run, core: RunningCore) -> None:
    async def answered(answer: str, *words: str) -> tuple[int | None, str]:
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            quick_citrine(), *words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        shown = ""
        async with asyncio.timeout(WAIT):
            if answer:
                while "[y/N]" not in shown:
                    shown += (await asyncio.to_thread(os.read, ours, 1000)).decode()
                os.write(ours, answer.encode())
            code = await process.wait()
        # What a terminal was sent is read in pieces, until nobody has it open.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 1000):
                shown += piece.decode()
        os.close(ours)
        return code, shown

    await core.add_station("CS-1")
    for answer in ("\n", "n\n", "\x04"):
        code, shown = await answered(answer, "station", "remove", "CS-1")
        assert code == 1
        assert "remove station CS-1, and all that it reported but its transactions? [y/N]" in shown
        assert "error: nothing was done" in shown
    assert (await run("station", "show", "CS-1"))[0] == 0
    code, shown = await answered("y\n", "station", "remove", "CS-1")
    assert (code, "station CS-1 removed" in shown) == (0, True)
    await core.add_station("CS-2")
    assert await answered("", "station", "remove", "CS-2", "--yes") == (0, "station CS-2 removed\r\n")
    # Ctrl-C does not wait for an answer.
    await core.add_station("CS-4")
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        quick_citrine(), "station", "remove", "CS-4", stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    async with asyncio.timeout(WAIT):
        shown = ""
        while "[y/N]" not in shown:
            shown += (await asyncio.to_thread(os.read, ours, 1000)).decode()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    os.close(ours)
    # A script is not asked.
    await core.add_station("CS-3")
    assert (await run("station", "remove", "CS-3"))[:2] == (0, "station CS-3 removed\n")
