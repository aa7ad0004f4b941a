"""Two adapters on one database: each partner gets each object in order, also where one of them is stopped or killed."""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from starlette.requests import Request
from starlette.responses import Response

from citrine_ocpi.adapter import Office, office
from citrine_ocpi.clock import utc_now
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.deliveries import Outbox, Push
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.models import DisplayText
from citrine_ocpi.partner import OwnParty
from citrine_ocpi.transport import Party, Routing
from tests.clients.ocpi.test_deliveries import anything
from tests.clients.ocpi.test_push_faults import TestClock
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import running_adapter
from tests.support.quick_commands import Fork, fork
from tests.support.waiting import WAIT

CPO, PARTY = Party("DE", "CIT"), Party("NL", "TNM")

ORDERS, IN_ORDER = 4, 3


class Replicas:
    """Processes of `citrine ocpi serve` on one database, and a partner."""

    def __init__(self, directory: Path, settings: OcpiSettings, opened: Office, partner: Emsp) -> None:
        self._directory = directory
        self._settings = settings
        self._office = opened
        self._outbox = Outbox()
        self._processes: list[Fork] = []
        self.partner = partner

    async def start(self) -> tuple[Fork, str]:
        """Start another one, and return it with its address once it serves."""
        ready = self._directory / f"{len(self._processes)}.ready"
        variables = {
            "CITRINE_OCPI_DATABASE": self._settings.ocpi_database,
            "CITRINE_OCPI_ENCRYPTION_KEY_FILE": str(self._settings.ocpi_encryption_key_file),
            "CITRINE_OCPI_KEY_FILE": str(self._directory / "core.key"),
            "CITRINE_OCPI_ALLOW_INSECURE_PARTNERS": "true",
        }
        options = ("--ocpi-listen", "127.0.0.1:0", "--ocpi-http-listen", "127.0.0.1:0", "--core", "127.0.0.1:1")
        with tempfile.TemporaryFile() as output:
            started = fork(
                ["ocpi", "serve", *options, "--ready-file", str(ready)],
                self._directory,
                {**os.environ, **variables},
                output.fileno(),
            )
        self._processes.append(started)
        async with asyncio.timeout(WAIT):
            while not ready.exists():
                await asyncio.sleep(0.02)
        return started, str(json.loads(ready.read_text())["ocpi"])

    def end(self) -> None:
        """End all of them at once."""
        for process in self._processes:
            process.kill()

    async def send(self, version: str) -> Sequence[tuple[str, str]]:
        """Store objects to be sent, several in one order each; return places and versions."""
        sent = [(f"DE/CIT/L{order}/{number}", version) for number in range(IN_ORDER) for order in range(ORDERS)]
        pushes = [
            Push(
                "tnm",
                "locations",
                f"locations/{place}",
                place,
                DisplayText(language="en", text=text),
                Routing(CPO, PARTY),
                order_key=place.rpartition("/")[0],
            )
            for place, text in sent
        ]
        async with self._office.database.writing() as session:
            await self._outbox.add(session, pushes)
        return sent

    def hold(self) -> None:
        """Have the partner answer nothing from now on."""
        self.partner.answers.clear()
        self.partner.arrived.clear()

    async def is_sending(self) -> None:
        """Wait until the first of each order has come to the partner, which does not answer."""
        async with asyncio.timeout(WAIT):
            while sum(method == "PUT" for method, _ in self.partner.arrived) < ORDERS:
                await asyncio.sleep(0.02)

    async def pass_leases(self) -> None:
        """Have the time be over within which nobody else sends what is on its way."""
        over = update(DeliveryRow).where(DeliveryRow.lease_time.is_not(None))
        async with self._office.database.writing() as session:
            await session.execute(over.values(lease_time=utc_now() - timedelta(seconds=1)))

    async def is_done(self) -> None:
        """Wait until the partner has all."""
        async with asyncio.timeout(WAIT):
            while await self._office.letters.count() != (0, 0):
                await asyncio.sleep(0.05)

    def got(self, version: str) -> list[tuple[str, str]]:
        """Return what the partner got of a version, in the order in which it came."""
        found = [(one.path, one.body["text"]) for one in self.partner.received if one.module == "locations"]
        return [one for one in found if one[1] == version]


@pytest.fixture
async def replicas(adapter_url: str, tmp_path: Path) -> AsyncIterator[Replicas]:
    """None of them yet."""
    settings = OcpiSettings(ocpi_database=adapter_url, ocpi_encryption_key_file=tmp_path / "ocpi.keys")
    (tmp_path / "core.key").write_text("no core needs it")
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(office(settings, "http://127.0.0.1:1"))
        await opened.administration.set_party(OwnParty(CPO, "Citrine Charging"))
        made = Replicas(tmp_path, settings, opened, await stack.enter_async_context(emsp(validate=anything)))
        stack.callback(made.end)
        yield made


def in_order(got: Sequence[tuple[str, str]]) -> bool:
    """Return whether the objects of each order came in it; one that came again before the next one counts once."""
    orders: dict[str, list[str]] = {}
    for place, _ in got:
        order, _, number = place.rpartition("/")
        if orders.setdefault(order, [])[-1:] != [number]:
            orders[order].append(number)
    return [*orders.values()] == [[str(number) for number in range(IN_ORDER)]] * ORDERS


@pytest.mark.parametrize("adapter_url", ["postgresql"], indirect=True)
async def test_what_a_replica_had_on_its_way_is_sent_by_the_other(replicas: Replicas) -> None:
    """Be it killed, or stopped so that it goes on later: in order, and only what was on its way comes twice."""
    partner = replicas.partner
    first, address = await replicas.start()
    token_a = await replicas._office.administration.add("tnm")
    assert (await partner.register(f"http://{address}/ocpi/versions", token_a)).status_code == 201
    second, _ = await replicas.start()
    sent = await replicas.send("by both")
    await replicas.is_done()
    assert sorted(replicas.got("by both")) == sorted(sent)
    assert in_order(replicas.got("by both"))

    second.send_signal(signal.SIGSTOP)
    replicas.hold()
    sent = await replicas.send("by one that is killed")
    await replicas.is_sending()
    first.kill()
    second.send_signal(signal.SIGCONT)
    partner.answers.set()
    await replicas.pass_leases()
    await replicas.is_done()
    got = replicas.got("by one that is killed")
    assert {*got} == {*sent}
    assert len(sent) <= len(got) <= len(sent) + ORDERS
    assert in_order(got)

    third, _ = await replicas.start()
    third.send_signal(signal.SIGSTOP)
    replicas.hold()
    sent = await replicas.send("by one that is stopped")
    await replicas.is_sending()
    second.send_signal(signal.SIGSTOP)
    third.send_signal(signal.SIGCONT)
    partner.answers.set()
    await replicas.pass_leases()
    await replicas.is_done()
    newest = await replicas.send("newest")
    await replicas.is_done()
    second.send_signal(signal.SIGCONT)
    last = await replicas.send("last")
    await replicas.is_done()
    got = replicas.got("by one that is stopped")
    assert {*got} == {*sent}
    assert len(sent) <= len(got) <= len(sent) + ORDERS
    assert in_order(got)
    assert sorted(replicas.got("newest")) == sorted(newest)
    assert sorted(replicas.got("last")) == sorted(last)
    assert {value["text"] for value in partner.objects.values()} == {"last"}


async def test_what_another_replica_may_have_sent_meanwhile_is_not_sent_late(adapter_url: str, tmp_path: Path) -> None:
    """A PATCH was refused, and before the whole is put the process is stopped for an hour: a newer one may be there."""
    clock, asked = TestClock(), list[str]()
    async with (
        running_adapter(tmp_path, database=adapter_url, modules=[], clock=clock) as adapter,
        emsp(validate=anything) as partner,
    ):
        await partner.register(adapter.versions_url, await adapter.invite("tnm"))

        def refuse(request: Request) -> Response:
            asked.append(request.method)
            clock.now += timedelta(hours=1)
            return Response("", 404)

        partner.fault = refuse
        body = DisplayText(language="en", text="two")
        push = Push("tnm", "locations", "L1", "L1", body, Routing(CPO, PARTY), changes={"text": "two"})
        async with adapter.office.database.writing() as session:
            await adapter.adapter.outbox.add(session, [push])
        async with asyncio.timeout(WAIT):
            while not any(one.attempts for one in await adapter.office.letters.list_some(is_dead=False)):
                await asyncio.sleep(0.02)

        assert asked == ["PATCH"]
        partner.fault = lambda request: None
        clock.now += timedelta(hours=1)
        adapter.adapter.outbox.filled.set()
        await partner.wait_for(lambda peer: peer.received)

    assert [one.method for one in partner.received] == ["PUT"]
