"""A station of one's own: what to set in it, and what becomes of it, as the command line says it."""

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from citrine.api.v1.stations_pb2 import GetStationAddressRequest
from citrine.api.v1.tenants_pb2 import CreateTenantRequest, Tenant
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from tests.support.deployment import Deployment, deploy
from tests.support.quick_commands import quick_citrine
from tests.support.raw_station import basic, raw_station
from tests.support.waiting import WAIT

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _quick_commands(commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(commands), prepend=os.pathsep)


class Command:
    """A command line that runs, and its lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def wait_for(self, text: str) -> str:
        """Return the next line that has a text."""
        assert self.process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT):
                while line := (await self.process.stdout.readline()).decode():
                    self.lines.append(line.rstrip("\n"))
                    if text in line:
                        return self.lines[-1]
        raise AssertionError("\n".join([f"no line with {text!r}", *self.lines]))

    async def end(self) -> tuple[int, str]:
        """Return its exit code and what it wrote to stderr."""
        async with asyncio.timeout(WAIT):
            _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


async def command(deployment: Deployment, *arguments: str) -> Command:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CITRINE_")}
    return Command(
        await asyncio.create_subprocess_exec(
            quick_citrine(),
            *arguments,
            env={**kept, "CITRINE_CORE": deployment.core_addresses[0], "CITRINE_KEY": deployment.key},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )


async def said(deployment: Deployment, *arguments: str) -> str:
    running = await command(deployment, *arguments)
    async with asyncio.timeout(WAIT):
        out, errors = await running.process.communicate()
    assert running.process.returncode == 0, errors
    return out.decode()


@pytest.fixture
async def running(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """One core and one edge, with the tenant demo beside the default one, on a database of each kind in turn."""
    async with deploy(database_url, tmp_path / "citrine", migrated=True) as deployment:
        async with deployment.client() as citrine:
            tenant = Tenant(tenant_id="demo", display_name="Demo")
            await citrine.tenants.CreateTenant(CreateTenantRequest(tenant=tenant))
        yield deployment


async def refused(deployment: Deployment, path: str, headers: dict[str, str], version: str = "ocpp2.0.1") -> None:
    with pytest.raises(InvalidStatus):
        async with connect(
            f"{deployment.url()}/{path}", subprotocols=[Subprotocol(version)], additional_headers=headers
        ):
            pass


async def test_what_is_printed_lets_a_station_connect_and_it_is_seen_to_charge(running: Deployment) -> None:
    added: Any = json.loads(await said(running, "--tenant", "demo", "station", "add", "CS-1", "--json"))
    (url,) = added["address"]["urls"]
    user, password = added["address"]["username"], added["generatedPassword"]
    assert (url, user) == (f"{running.url()}/demo/CS-1", "CS-1")
    async with running.client(tenant="demo") as citrine:
        token = Token(id_token="DEADBEEF", type="ISO14443")
        await citrine.tokens.CreateToken(CreateTokenRequest(token=token))
    tariff = ("tariff", "create", "DAY", "--currency", "EUR", "--energy", "0.40")
    await said(running, "--tenant", "demo", *tariff)
    await said(running, "--tenant", "demo", "tariff", "assign", "DAY")
    watch = await command(running, "--tenant", "demo", "station", "watch", "CS-1")
    assert f"has never connected; waiting for it in tenant demo at {url}" in await watch.wait_for("CS-1")

    base = url.removesuffix(f"/{user}")
    async with raw_station(base, user, password) as station:
        assert "connected with OCPP 2.0.1 from 127.0.0.1" in await watch.wait_for("connected with")
        await station.boot()
        assert "booted: Accepted" in await watch.wait_for("booted")
        await station.result(
            "StatusNotification",
            {"timestamp": now(), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1},
        )
        await watch.wait_for("evse 1 connector 1 is Occupied")
        await station.result("TransactionEvent", transaction("Started", 0, "Authorized", 1000, "EVConnected"))
        await watch.wait_for("transaction started  evse 1  EVConnected")
        await station.result("TransactionEvent", transaction("Updated", 1, "ChargingStateChanged", 1000, "Charging"))
        await watch.wait_for("transaction is  evse 1  Charging")

        late = await command(running, "--tenant", "demo", "station", "watch", "CS-1", "--until", "charging")
        await late.wait_for("is connected with OCPP 2.0.1")
        await late.wait_for("booted: Accepted")
        await late.wait_for("transaction under way  evse 1  Charging")
        assert await late.end() == (0, "")

        await station.result("TransactionEvent", transaction("Ended", 2, "StopAuthorized", 3500, "Idle"))
        ended = await watch.wait_for("transaction ended")
        assert "2.500 kWh" in ended
        assert "1.00 EUR" in ended
    await watch.wait_for("disconnected")
    watch.process.send_signal(signal.SIGINT)
    assert await watch.end() == (130, "")


async def test_each_refusal_comes_with_its_reason_and_what_to_do(running: Deployment) -> None:
    watch = await command(running, "--tenant", "default", "station", "watch", "CS-1")
    await watch.wait_for("is not registered in tenant default; add it: citrine --tenant default station add CS-1")

    await refused(running, "CS-1", basic("CS-1", PASSWORD))
    assert "register it: citrine --tenant default station add CS-1" in await watch.wait_for(
        "refused: unknown station, from 127.0.0.1:"
    )
    text = await said(running, "--tenant", "default", "station", "add", "CS-1", "--password", PASSWORD)
    assert [line.split() for line in text.splitlines()[1:4]] == [
        ["URL", f"{running.url()}/CS-1"],
        ["user", "CS-1"],
        ["password", "as", "you", "gave", "it"],
    ]
    assert "citrine --tenant default station watch CS-1" in text
    await watch.wait_for("station created")
    await refused(running, "CS-1", basic("CS-1", "another-password-here"))
    assert "citrine --tenant default station set-password CS-1" in await watch.wait_for("refused: wrong password")
    await refused(running, "CS-1", {})
    assert "set user name CS-1" in await watch.wait_for("refused: no password")
    await refused(running, "CS-1", basic("CS-1", PASSWORD), "ocpp1.5")
    assert "ocpp2.0.1" in await watch.wait_for("refused: no common version")
    await refused(running, "demo/CS-1", basic("CS-1", PASSWORD))
    assert "uses the URL of tenant demo" in await watch.wait_for("refused: unknown station")
    await refused(running, "dmeo/CS-1", basic("CS-1", PASSWORD))
    assert "TENANT/CS-1" in await watch.wait_for("refused: unknown tenant 'dmeo'")
    watch.process.kill()
    await watch.end()


async def test_a_watch_begins_with_what_was_refused_before_it(running: Deployment) -> None:
    await refused(running, "CS-1", basic("CS-1", PASSWORD))
    await stored(running, "default")
    watch = await command(running, "--tenant", "default", "station", "watch", "CS-1")
    assert "register it" in await watch.wait_for("refused: unknown station, from 127.0.0.1:")
    await watch.wait_for("is not registered")
    watch.process.kill()

    await said(running, "--tenant", "default", "station", "add", "CS-1", "--password", PASSWORD)
    await refused(running, "CS-1", basic("CS-1", "another-password-here"))
    await refused(running, "demo/CS-1", basic("CS-1", PASSWORD))
    await stored(running, "default")
    await stored(running, "demo")
    watch = await command(running, "--tenant", "default", "station", "watch", "CS-1")
    assert "set-password CS-1" in await watch.wait_for("refused: wrong password, from 127.0.0.1:")
    assert "uses the URL of tenant demo" in await watch.wait_for("refused: unknown station")
    await watch.wait_for("has never connected")
    # In the order of their times.
    times = [line.split()[0] for line in watch.lines]
    assert times == sorted(times)

    shown = await said(running, "--tenant", "default", "station", "show", "CS-1")
    assert re.search(r"^not let in +wrong password, from 127.0.0.1:\d+, last .*set-password CS-1$", shown, re.MULTILINE)
    assert "connection: wrong password" in await said(running, "--tenant", "default", "station", "list")
    assert "unknown station" in await said(running, "--tenant", "demo", "station", "refusals", "--unregistered")

    async with raw_station(running.url(), "CS-1", PASSWORD) as station:
        await station.boot()
        await watch.wait_for("booted")
    await watch.wait_for("disconnected")
    watch.process.kill()
    assert not [line for line in watch.lines if line.count("refused") > 1]
    again = await command(running, "--tenant", "default", "station", "watch", "CS-1")
    await again.wait_for("is not connected")
    await refused(running, "CS-1", {})
    # What was refused before it connected is over: this is the next line.
    await again.wait_for("refused: no password")
    assert len(again.lines) == 2
    again.process.kill()


async def stored(deployment: Deployment, tenant: str) -> None:
    """Wait until the last refusal of CS-1 is stored: the event comes with it."""
    async with deployment.client(tenant=tenant) as citrine:
        async for event in citrine.follow_events(["CS-1"], kinds=["station_refused"], from_token="0"):
            if event.HasField("station_refused"):
                return


async def test_a_watch_goes_on_across_a_restart_of_the_core(running: Deployment) -> None:
    await said(running, "--tenant", "default", "station", "add", "CS-1", "--password", PASSWORD)
    watch = await command(
        running, "--tenant", "default", "station", "watch", "CS-1", "--until", "booted", "--timeout", "5m"
    )
    await watch.wait_for("has never connected")

    running.cores[0].kill()
    running.cores[0].start()
    await running.cores[0].ready()
    await running.edges[0].serving()
    async with raw_station(running.url(), "CS-1", PASSWORD) as station:
        await station.boot()
        await watch.wait_for("booted")
        assert await watch.end() == (0, "")


async def test_a_step_that_is_not_reached_in_time_fails_and_says_what_was_last(running: Deployment) -> None:
    watch = await command(
        running, "--tenant", "default", "station", "watch", "CS-1", "--until", "connected", "--timeout", "3s"
    )
    await watch.wait_for("is not registered")
    await refused(running, "CS-1", basic("CS-1", PASSWORD))
    assert "register it: citrine" in await watch.wait_for("refused")
    await watch.wait_for("is waited for even so: it may be mended")

    code, errors = await watch.end()

    assert code == 1
    assert errors.startswith("error: CS-1 is not connected after 3s; refused: unknown station, from 127.0.0.1:")
    # What is to be done was said before.
    assert "register it" not in errors


async def test_a_watch_may_end_after_a_while(running: Deployment) -> None:
    watch = await command(running, "--tenant", "default", "station", "watch", "CS-1", "--timeout", "5s")
    await watch.wait_for("is not registered")

    assert await watch.end() == (0, "")


async def test_the_public_url_of_each_edge_is_told_once(database_url: str, tmp_path: Path) -> None:
    public = "wss://csms.example.com/ocpp"
    async with (
        deploy(database_url, tmp_path / "citrine", edges=2, migrated=True, public_url=f"{public}/") as deployment,
        deployment.client() as citrine,
    ):
        found = await citrine.stations.GetStationAddress(GetStationAddressRequest(station_id="A|B"))

    assert (list(found.urls), found.username) == ([f"{public}/A%7CB"], "A|B")


async def test_an_edge_that_is_full_says_so(database_url: str, tmp_path: Path) -> None:
    async with deploy(database_url, tmp_path / "citrine", migrated=True, ocpp_max_sockets="1") as deployment:
        await said(deployment, "station", "add", "CS-1", "--password", PASSWORD)
        watch = await command(deployment, "station", "watch", "CS-2")
        await watch.wait_for("is not registered")
        async with raw_station(deployment.url(), "CS-1", PASSWORD):
            await refused(deployment, "CS-2", basic("CS-2", PASSWORD))
            assert "CITRINE_OCPP_MAX_SOCKETS" in await watch.wait_for("refused: too many")
        watch.process.kill()
        await watch.end()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def transaction(kind: str, number: int, trigger: str, register: float, state: str) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": now(),
        "triggerReason": trigger,
        "seqNo": number,
        "transactionInfo": {"transactionId": "4b5b9f0e-5a6c-4a8e-9f3e-0d2a5a0c7e11", "chargingState": state},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "DEADBEEF", "type": "ISO14443"},
        "meterValue": [
            {
                "timestamp": now(),
                "sampledValue": [{"value": register, "measurand": "Energy.Active.Import.Register"}],
            }
        ],
    }
