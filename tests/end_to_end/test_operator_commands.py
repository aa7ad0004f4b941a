"""What an operator's commands say of tenants and stations that are not meant, or not there."""

import asyncio
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperArgument, TyperCommand, TyperGroup

from citrine.api.v1.keys_pb2 import CreateKeyRequest
from citrine.api.v1.tariffs_pb2 import TARIFF_DIMENSION_FLAT, CreateTariffRequest, Tariff
from citrine.api.v1.tenants_pb2 import CreateTenantRequest, Tenant
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine_cli.lazy_group import Deferred
from citrine_cli.main import main
from citrine_cli.nouns import GROUPS
from citrine_sdk import Citrine
from tests.support.core import RunningCore
from tests.support.quick_commands import quick_citrine


@pytest.fixture
async def running(core: RunningCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningCore:
    """One core without tenants but the default one, and a station of it."""
    for name in [name for name in os.environ if name.startswith("CITRINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITRINE_CORE", core.address)
    monkeypatch.setenv("CITRINE_KEY", core.key)
    await core.add_station("CS-1")
    return core


def client(core: RunningCore, tenant: str | None = None) -> Citrine:
    """Return a client of the operator, to be used with `async with`."""
    return Citrine(core.address, key=core.key, tenant=tenant)


async def run(*arguments: str) -> int:
    """Run a command in this process, which is faster, against the real core."""
    return await asyncio.to_thread(main, arguments)


async def on_a_terminal(*arguments: str) -> tuple[str, str]:
    """Return stdout, and what a terminal shows of stderr, of a command."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(quick_citrine(), *arguments, stdout=subprocess.PIPE, stderr=theirs)
    out, _ = await process.communicate()
    assert process.returncode == 0
    os.close(theirs)
    try:
        shown = os.read(ours, 10_000).decode()
    except OSError:
        # Nothing was written, and nobody has the other end open any more.
        shown = ""
    os.close(ours)
    return out.decode(), shown


async def add_tenants(core: RunningCore, *ids: str) -> None:
    async with client(core) as citrine:
        for tenant_id in ids:
            await citrine.tenants.CreateTenant(CreateTenantRequest(tenant=Tenant(tenant_id=tenant_id)))


async def test_the_only_tenant_is_acted_on_and_a_terminal_shows_which(running: RunningCore) -> None:
    out, shown = await on_a_terminal("station", "list", "--json")
    _, acted = await on_a_terminal("station", "update", "CS-1", "--description", "in the yard")

    assert '"stationId":"CS-1"' in out
    assert shown == ""
    assert acted == "acting on tenant default\r\n"


async def test_with_several_tenants_one_has_to_be_named(
    running: RunningCore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_tenants(running, "acme")

    assert await run("station", "update", "CS-1", "--disable") == 2
    assert capsys.readouterr().err == (
        "error: there are several tenants: acme, default; give --tenant or set CITRINE_TENANT\n"
    )
    assert await run("--tenant", "acme", "station", "list") == 0
    assert capsys.readouterr().out == "no stations\n"
    assert await run("--tenant", "default", "station", "list") == 0
    assert "CS-1" in capsys.readouterr().out
    monkeypatch.setenv("CITRINE_TENANT", "default")
    assert await run("station", "show", "CS-1") == 0


async def test_of_many_tenants_the_first_are_named(running: RunningCore, capsys: pytest.CaptureFixture[str]) -> None:
    await add_tenants(running, *(f"t-{number:02}" for number in range(12)))

    assert await run("station", "list") == 2
    assert "default, t-00, t-01, t-02, t-03, t-04, t-05, t-06, t-07, t-08, …;" in capsys.readouterr().err


async def test_what_is_of_no_tenant_asks_for_none(running: RunningCore) -> None:
    await add_tenants(running, "acme")

    assert await run("tenant", "list") == 0
    assert await run("tenant", "add", "new") == 0
    assert await run("key", "list") == 0
    assert await run("key", "add", "boss", "--scope", "*", "--operator") == 0
    assert await run("key", "add", "boss", "--scope", "*") == 2


async def test_the_key_of_a_tenant_means_that_one(
    running: RunningCore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_tenants(running, "acme")
    async with client(running, "default") as citrine:
        made = await citrine.keys.CreateKey(CreateKeyRequest(display_name="reader", scopes=["stations:read"]))
    monkeypatch.setenv("CITRINE_KEY", made.secret)

    assert await run("station", "list") == 0
    captured = capsys.readouterr()
    assert "CS-1" in captured.out
    assert captured.err == ""


def lists_of_a_station() -> Iterator[list[str]]:
    """Yield each command that lists what is of one station, with one that is not there."""
    waiting = [([word], Deferred(word, noun, is_group=True).load()) for word, noun in GROUPS.items()]
    while waiting:
        words, found = waiting.pop()
        if isinstance(found, TyperGroup):
            waiting += [([*words, word], command) for word, command in found.commands.items()]  # type: ignore[misc]
        elif isinstance(found, TyperCommand) and (found.help or "").startswith("List "):
            for parameter in found.params:
                if parameter.name in ("station", "station_id"):
                    named = [] if isinstance(parameter, TyperArgument) else ["--station"]
                    yield [*words, *named, "NOBODY"]


async def test_a_list_of_an_unknown_station_is_an_error(
    running: RunningCore, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = list(lists_of_a_station())
    assert len(commands) > 20

    found = {}
    for command in commands:
        code = await run(*command)
        found[" ".join(command)] = (code, capsys.readouterr().err)

    expected = (1, "error: station NOBODY does not exist\n")
    assert {command: said for command, said in found.items() if said != expected} == {}


async def test_a_list_of_a_station_with_nothing_is_empty(
    running: RunningCore, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in lists_of_a_station():
        command[-1] = "CS-1"
        assert await run(*command) == 0, (command, capsys.readouterr().err)


async def test_names_of_what_is_not_there_are_errors(running: RunningCore, capsys: pytest.CaptureFixture[str]) -> None:
    async with client(running) as citrine:
        token = Token(id_token="AABBCCDD", type="ISO14443")
        await citrine.tokens.CreateToken(CreateTokenRequest(token=token))
        tariff = Tariff(tariff_id="T", currency="EUR")
        tariff.elements.add().price_components.add(dimension=TARIFF_DIMENSION_FLAT, price="1")
        await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff))
    token_set = ("token", "set", "AABBCCDD", "--type", "ISO14443")
    nobody, nothing = "station DEMO-9 does not exist", "does not exist"
    wrong = {
        (*token_set, "--at", "DEMO-9:1"): (1, nobody),
        (*token_set, "--at", "CS-1", "--at", "DEMO-9"): (1, nobody),
        ("token", "add", "AABBCCDE", "--type", "ISO14443", "--at", "DEMO-9"): (1, nobody),
        (*token_set, "--connector", "bogus"): (2, "--connector: 'bogus' is none of cCCS1, "),
        ("tariff", "assign", "T", "--token", "NOPE"): (1, "token NOPE does not exist"),
        ("tariff", "assign", "T", "--station", "DEMO-9"): (1, nobody),
        ("meter", "list", "CS-1", "--transaction", "nosuch"): (1, f"transaction nosuch {nothing}"),
        ("profile", "list", "--transaction", "x" * 36): (1, f"transaction {'x' * 36} {nothing}"),
        ("profile", "capacity", "DEMO-9", "--evse", "1", "--power", "9"): (1, nobody),
    }

    said = {}
    for command, (code, text) in wrong.items():
        said[command] = (await run(*command), capsys.readouterr().err, (code, text))

    assert {command: it for command, it in said.items() if it[0] != it[2][0] or it[2][1] not in it[1]} == {}
    assert await run(*token_set, "--at", "CS-1:1", "--connector", "ctype2") == 0
    assert "cType2" in capsys.readouterr().out or await run("token", "show", "AABBCCDD") == 0
    assert await run("tariff", "assign", "T", "--token", "AABBCCDD") == 0
