"""What becomes of a push of each module where its partner fails: what waits, how long, and what is given up."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update
from starlette.requests import Request
from starlette.responses import Response

from citrine_cli.main import main
from citrine_ocpi.clock import utc_now
from citrine_ocpi.deliveries import Push
from citrine_ocpi.deliveries.sender import AT_A_TIME
from citrine_ocpi.deliveries.tables import CircuitRow
from citrine_ocpi.models import v2_2_1
from citrine_ocpi.transport import Party, Routing
from tests.clients.ocpi.tables import DATA
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.waiting import WAIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

Listed = Callable[..., Awaitable[list[dict[str, Any]]]]

ROUTING = Routing(Party("DE", "CIT"), Party("NL", "TNM"))

DAY = timedelta(days=1)


class TestClock:
    """A clock that goes on when a test says so."""

    __test__ = False

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Roaming:
    """An adapter, its clock, and two partners, of whom one is well."""

    adapter: RunningAdapter
    clock: TestClock
    partner: Emsp
    well: Emsp

    async def send(self, *pushes: Push) -> None:
        """Store objects to be sent, in one transaction."""
        async with self.adapter.office.database.writing() as session:
            await self.adapter.adapter.outbox.add(session, pushes)

    async def spend(self, time: timedelta) -> None:
        """Let time pass, after which the adapter looks at what is due."""
        self.clock.now += time
        self.adapter.adapter.outbox.filled.set()

    async def look(self, number: int) -> None:
        """Have the adapter look at what is due, and wait until it has: what is for another one arrives."""
        await self.send(push("locations", f"DE/CIT/W{number}", "Location", partner_id="well"))
        await self.well.wait_for(lambda peer: ("locations", f"DE/CIT/W{number}") in peer.objects)

    async def circuit(self) -> CircuitRow | None:
        """Return how well the partner is reached."""
        async with self.adapter.office.database.reading() as session:
            return await session.get(CircuitRow, "tnm")

    async def settle(self, is_it: Callable[[list[Any]], bool], name: str = "tnm") -> list[Any]:
        """Return all that waits, or was given up, once it is so and nobody sends any of it."""
        letters = self.adapter.office.letters
        async with asyncio.timeout(WAIT):
            while True:
                rows = [*await letters.list_some(name, is_dead=False), *await letters.list_some(name, is_dead=True)]
                if all(row.lease_time is None for row in rows) and is_it(rows):
                    return rows
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roaming]:
    """An adapter with both partners."""
    clock = TestClock()
    async with (
        running_adapter(
            tmp_path_factory.mktemp("ocpi"),
            modules=[],
            clock=clock,
            ocpi_request_timeout=timedelta(seconds=1),
            ocpi_max_request_bytes=4096,
        ) as adapter,
        emsp() as partner,
        emsp(party_id="WEL") as well,
    ):
        for name, peer in (("tnm", partner), ("well", well)):
            assert (await peer.register(adapter.versions_url, await adapter.invite(name))).status_code == 201
        yield Roaming(adapter, clock, partner, well)


@pytest_asyncio.fixture(loop_scope="module")
async def roaming(running: Roaming) -> Roaming:
    """The same, with nothing that waits."""
    letters = running.adapter.office.letters
    rows = [row for is_dead in (False, True) for row in await letters.list_some(is_dead=is_dead)]
    await letters.remove([row.delivery_id for row in rows])
    async with running.adapter.office.database.writing() as session:
        await session.execute(update(CircuitRow).values(failures=0, open_time=None))
    for peer in (running.partner, running.well):
        peer.fault = lambda request: None
        peer.objects.clear()
        peer.received.clear()
    return running


@pytest.fixture
def listed(roaming: Roaming, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Listed:
    """What commands of `citrine ocpi delivery` print for the partner."""
    settings = roaming.adapter.settings
    monkeypatch.setenv("CITRINE_OCPI_DATABASE", settings.ocpi_database)
    monkeypatch.setenv("CITRINE_OCPI_ENCRYPTION_KEY_FILE", str(settings.ocpi_encryption_key_file))
    monkeypatch.setenv("CITRINE_OCPI_PUBLIC_URL", roaming.adapter.url)

    async def run(*arguments: str) -> list[dict[str, Any]]:
        command = ["ocpi", "delivery", *arguments, "--partner", "tnm"]
        assert await asyncio.to_thread(main, command) == 0
        said = capsys.readouterr().out
        return list(json.loads(said)) if "--json" in arguments else []

    return run


def example(name: str) -> Any:
    """Return an object of our examples."""
    (file,) = [
        one for one in (DATA / "examples/2.2.1" / f"{name}.json", DATA / f"examples/{name}.json") if one.exists()
    ]
    return getattr(v2_2_1, name).model_validate_json(file.read_text(encoding="utf-8"))


def push(module: str, path: str, name: str, partner_id: str = "tnm", **values: Any) -> Push:
    """Return an object to be sent."""
    body = example(name) if name else None
    return Push(partner_id, module, f"{module}/{path}", path, body, ROUTING, **values)


def one_of_each(partner: Emsp) -> Sequence[Push]:
    """Return what each module sends, in all ways: as many as are sent at a time."""
    changes = {"status": "ACTIVE", "last_updated": "2026-11-30T17:05:00Z"}
    return [
        push("locations", "DE/CIT/L1", "Location"),
        push("sessions", "DE/CIT/S1", "Session"),
        push("sessions", "DE/CIT/S2", "Session", changes=changes),
        push("cdrs", "", "CDR", method="POST"),
        push("tariffs", "DE/CIT/T1", "Tariff"),
        push("tariffs", "DE/CIT/T2", "", method="DELETE"),
        push("commands", f"{partner.url}/2.2.1/receiver/commands/START_SESSION/1", "CommandResult", method="POST"),
        push(
            "chargingprofiles", f"{partner.url}/2.2.1/sender/chargingprofiles/1", "ChargingProfileResult", method="POST"
        ),
    ]


EACH = {
    ("PUT", "locations", "DE/CIT/L1"),
    ("PUT", "sessions", "DE/CIT/S1"),
    ("PUT", "sessions", "DE/CIT/S2"),
    ("POST", "cdrs", ""),
    ("PUT", "tariffs", "DE/CIT/T1"),
    ("DELETE", "tariffs", "DE/CIT/T2"),
    ("POST", "commands", "START_SESSION/1"),
    ("POST", "chargingprofiles", "1"),
}
"""What the partner has got once it has all."""


def tried(rows: list[Any], times: int = 1, *, is_sum: bool = False) -> bool:
    """Return whether each was attempted so often, or all together."""
    return sum(row.attempts for row in rows) == times if is_sum else all(row.attempts == times for row in rows)


def nothing(rows: list[Any]) -> bool:
    """Return whether nothing is left."""
    return not rows


def said(status: int, http_status: int = 200, **headers: str) -> Callable[[Emsp], Response]:
    """Return an answer with a status of OCPI."""
    return lambda partner: partner._envelope(None, status, "no", http_status, headers)


def counting(asked: list[str]) -> Callable[[Request], Response]:
    """Return what counts requests, and can't answer one."""

    def answer(request: Request) -> Response:
        asked.append(request.url.path)
        return Response("", 503)

    return answer


def plain(content: str, http_status: int = 200, **headers: str) -> Callable[[Emsp], Response]:
    """Return an answer that is none of OCPI."""
    return lambda partner: Response(
        content, http_status, {name.replace("_", "-"): value for name, value in headers.items()}
    )


def in_ten_minutes(partner: Emsp) -> Response:
    """Return an answer with a time of day in Retry-After."""
    return Response("", 503, {"Retry-After": format_datetime(utc_now() + timedelta(seconds=600), usegmt=True)})


@dataclass(frozen=True)
class Fault:
    """How a partner answers, and what comes of it."""

    answer: Callable[[Emsp], Response]
    problem: str
    is_dead: bool = False
    is_cdr_dead: bool = False
    retry_after: float = 0.0


FAULTS = {
    "busy for seconds": Fault(plain("busy", 429, retry_after="600"), "HTTP 429", retry_after=600),
    "busy until a time": Fault(in_ten_minutes, "HTTP 503", retry_after=595),
    "busy for too long": Fault(plain("busy", 429, retry_after="99999999"), "HTTP 429", retry_after=3600),
    "busy for it does not say how long": Fault(said(2000, 429), "HTTP 429, 2000 no"),
    "busy for nobody knows": Fault(plain("busy", 429, retry_after="soon"), "HTTP 429"),
    "500": Fault(plain("<html>oops", 500), "HTTP 500"),
    "408": Fault(plain("", 408), "HTTP 408"),
    "cut JSON": Fault(plain('{"data": null, "status_co', content_type="application/json"), "no JSON"),
    "a page": Fault(plain("<html>welcome</html>", content_type="text/html"), "no JSON"),
    "nothing": Fault(plain("", 204), "no JSON"),
    "a list": Fault(plain("[]"), "no object"),
    "without a status": Fault(plain('{"data": null}'), "no status_code"),
    "huge": Fault(plain(" " * 20_000), "more than 16384 bytes"),
    "a connection that ends": Fault(plain("{", content_length="100"), "can't be read"),
    "a wrong token": Fault(said(2000, 401), "HTTP 401"),
    "forbidden": Fault(plain("", 403), "HTTP 403"),
    "3000": Fault(said(3000), "HTTP 200, 3000 no"),
    "3001": Fault(said(3001), "HTTP 200, 3001 no"),
    "2000": Fault(said(2000), "HTTP 200, 2000 no", is_dead=True, is_cdr_dead=True),
    "2001": Fault(said(2001, 400), "HTTP 400, 2001 no", is_dead=True, is_cdr_dead=True),
    "not there": Fault(plain("", 405), "HTTP 405", is_dead=True),
    "elsewhere": Fault(plain("", 308, location="https://example.com/"), "HTTP 308", is_dead=True),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_what_fails_waits_and_what_is_refused_can_be_sent_again(roaming: Roaming, name: str) -> None:
    """By each module alike, but that CDRs wait for an endpoint that takes them."""
    fault, partner, clock = FAULTS[name], roaming.partner, roaming.clock
    partner.fault = lambda request: fault.answer(partner)

    await roaming.send(*one_of_each(partner))
    rows = await roaming.settle(tried)

    assert len(rows) == len(EACH)
    assert all(fault.problem in row.problem for row in rows), rows[0].problem
    dead = [row for row in rows if row.dead_time is not None]
    modules = {row.module for row in dead}
    assert (modules >= {module for _, module, _ in EACH} - {"cdrs"}) is fault.is_dead
    assert ("cdrs" in modules) is fault.is_cdr_dead
    least, most = max(0.5, fault.retry_after), max(1.0, fault.retry_after + 6)
    pauses = [(row.due_time - clock()).total_seconds() for row in rows if row.dead_time is None]
    assert all(least <= pause <= most for pause in pauses), pauses
    circuit = await roaming.circuit()
    is_open = circuit is not None and circuit.open_time is not None and circuit.open_time > clock()
    assert is_open is bool(fault.retry_after)

    partner.fault = lambda request: None
    assert await roaming.adapter.office.letters.retry([row.delivery_id for row in dead]) == len(dead)
    await roaming.spend(DAY)
    await roaming.settle(nothing)
    got = [(one.method, one.module, one.path) for one in partner.received if one.method != "PATCH"]
    assert sorted(got) == sorted(EACH)
    assert partner.complaints == []


async def test_what_was_given_up_is_listed_and_sent_again_by_commands(roaming: Roaming, listed: Listed) -> None:
    partner = roaming.partner
    partner.fault = lambda request: partner._envelope(None, 2001, "I don't like it")
    await roaming.send(*one_of_each(partner))
    await roaming.settle(tried)

    dead = await listed("list", "--dead", "--json")
    assert {(one["method"], one["module"]) for one in dead} == {(method, module) for method, module, _ in EACH}
    assert {one["problem"] for one in dead} == {"HTTP 200, 2001 I don't like it"}
    assert await listed("list", "--json") == []

    partner.fault = lambda request: None
    await listed("retry")
    await roaming.spend(DAY)
    await roaming.settle(nothing)
    assert {(one.method, one.module, one.path) for one in partner.received} >= EACH
    assert await listed("list", "--dead", "--json") == []


async def test_one_waits_longer_after_each_failure_and_the_first_success_ends_it(roaming: Roaming) -> None:
    """A second at first, a quarter of an hour at most; for no moment less."""
    partner, clock, asked = roaming.partner, roaming.clock, list[str]()
    partner.fault = counting(asked)
    await roaming.send(push("locations", "DE/CIT/L1", "Location"))
    for number in range(1, 13):
        (row,) = await roaming.settle(partial(tried, times=number))
        circuit = await roaming.circuit()
        assert circuit is not None
        assert (len(asked), circuit.failures) == (number, number)
        assert (circuit.open_time is not None) is (number >= 3)

        longest = min(900.0, 2.0 ** (number - 1))
        pause = (row.due_time - clock()).total_seconds()
        assert longest / 2 <= pause <= longest
        until = max(row.due_time, circuit.open_time or row.due_time)
        await roaming.spend(until - clock() - timedelta(milliseconds=1))
        if number in (1, 3, 11):
            await roaming.look(number)
            assert len(asked) == number
        if number == 12:
            partner.fault = lambda request: None
        await roaming.spend(timedelta(milliseconds=1))

    await partner.wait_for(lambda peer: peer.received)
    await roaming.settle(nothing)
    circuit = await roaming.circuit()
    assert circuit is not None
    assert (circuit.failures, circuit.open_time) == (0, None)


async def test_after_failures_one_of_all_finds_out_whether_the_partner_is_there(roaming: Roaming) -> None:
    partner, places, asked = roaming.partner, [f"DE/CIT/L{number}" for number in range(2 * AT_A_TIME + 1)], list[str]()
    partner.fault = counting(asked)

    await roaming.send(*(push("locations", place, "Location") for place in places))
    await roaming.settle(tried)
    for number in (1, 2):
        await roaming.spend(timedelta(seconds=10))
        await roaming.look(number)
        await roaming.settle(partial(tried, times=len(places) + number, is_sum=True))
        assert len(asked) == len(places) + number

    partner.fault = lambda request: None
    await roaming.spend(timedelta(seconds=10))
    await partner.wait_for(lambda peer: len(peer.received) == len(places))
    assert {one.path for one in partner.received} == {*places}


async def test_what_may_have_been_received_is_sent_once_more(roaming: Roaming) -> None:
    """The partner is slow: nobody knows what it made of it."""
    partner = roaming.partner
    partner.answers.clear()
    await roaming.send(*one_of_each(partner))
    rows = await roaming.settle(tried)
    assert {row.problem for row in rows} == {"no answer in time"}

    partner.answers.set()
    await roaming.spend(DAY)
    await roaming.settle(nothing)

    got = [(one.method, one.module, one.path) for one in partner.received]
    assert all(1 <= got.count(one) <= 2 for one in EACH)


async def test_what_is_for_a_partner_that_is_dead_waits(roaming: Roaming) -> None:
    async with emsp(party_id="GON") as gone:
        token_a = await roaming.adapter.invite("gone")
        assert (await gone.register(roaming.adapter.versions_url, token_a)).status_code == 201

    await roaming.send(push("locations", "DE/CIT/L1", "Location", partner_id="gone"))
    (row,) = await roaming.settle(tried, "gone")

    assert "it can't be reached" in row.problem
    assert row.dead_time is None


async def test_a_tariff_that_the_partner_has_no_more_is_deleted(roaming: Roaming) -> None:
    """As where its answer to the first DELETE was lost."""
    statuses = iter((404, 410))
    roaming.partner.fault = lambda request: Response("", next(statuses))
    for _ in range(2):
        await roaming.send(push("tariffs", "DE/CIT/T1", "", method="DELETE"))
        await roaming.settle(nothing)
