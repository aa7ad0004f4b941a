"""What roaming costs: sessions that go on while their updates are sent to partners, one of whom is dead."""

import asyncio
import contextlib
import dataclasses
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1.stations_pb2 import Station, UpdateStationRequest
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine_ocpi.adapter import office
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.partner import OwnParty
from citrine_ocpi.transport import Party
from citrine_sdk import Citrine
from citrine_simulator.load import PacedFleet, Talk
from tests.bench.errors import BenchError
from tests.bench.measure import Meter
from tests.bench.scenarios import Sut
from tests.support.deployment import Process
from tests.support.emsp import Emsp
from tests.support.renewed_database import run_statements
from tests.support.serving import bound, serving

__all__ = ["NEVER", "Roaming", "roaming"]

SESSIONS = 1000

PARTIES = ("AAA", "BBB", "CCC", "DDD", "EEE")
"""Of the partners. The last one dies."""

RATE = SESSIONS / 30
"""Updates a second of all sessions together: stations send readings each half minute, as most are configured."""

MORE = 100.0
"""Updates a second for which an adapter has to do three times as much, on a machine that does all else, too."""

LOADS = (
    ("all partners answer", RATE),
    ("all partners answer", MORE),
    ("one never answers", RATE),
    ("one refuses connections", RATE),
)
"""Each with the updates a second."""

MODULE = "sessions"

EACH_LOCATION = 10
"""Stations of a location."""

BEGUN = 120.0
"""Seconds after which all partners have all their sessions, at most."""

DRAINED = 15.0
"""Seconds after a window within which its last updates come, or they are late."""

AT_A_TIME = 32

NEVER = 1e9
"""Milliseconds that count for what never came."""


@dataclass(frozen=True)
class Window:
    """One load of sessions, and what became of it."""

    name: str
    rate: float
    """Updates a second."""
    cpu: dict[str, float]
    """Share of one CPU by role, the adapter among them."""
    updates: int
    """Events of the core that were of the partners who are there."""
    pushes: int
    """Requests that all partners got."""
    cpu_ms: float
    """CPU of the adapter for each of these."""
    p50: float
    """Milliseconds from an event of the core until its partner has what it says, or something newer."""
    p95: float
    p99: float
    missed: int
    """Events that came to nobody in time."""


@dataclass(frozen=True)
class Roaming:
    """What it cost."""

    sessions: int
    partners: int
    rate: float
    begun_seconds: float
    """From the first session until the partners had all of them."""
    windows: list[Window]


@dataclass
class _Partners:
    """The partners, and how to have one of them die."""

    peers: Sequence[Emsp]
    served: Sequence[contextlib.AsyncExitStack]

    async def refuse(self) -> None:
        """Have the last one refuse connections."""
        self.peers[-1].answers.set()
        await self.served[-1].aclose()


@dataclass
class _Told:
    """What the core said of sessions, as it said it."""

    events: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    """Time and energy in Wh, by station."""

    async def follow(self, citrine: Citrine, position: str) -> None:
        """Take note of updates until cancelled."""
        async for event in citrine.follow_events(kinds=["transaction_updated"], from_token=position):
            said = (event.time.ToDatetime(UTC).timestamp(), event.transaction_updated.transaction.energy_wh)
            self.events[event.station_id].append(said)


async def roaming(sut: Sut, seconds: float) -> Roaming:
    """Measure an adapter whose partners are sent the updates of all sessions."""
    sut.say(f"{SESSIONS} stations and tokens")
    await sut.register(SESSIONS, passwords=False)
    await sut.price()
    stations = list(sut.passwords)[:SESSIONS]
    tokens = [f"0{number:07X}" for number in range(SESSIONS)]
    async with sut.deployment.client() as citrine:
        await _place(citrine, stations, tokens)
        async with _adapter(sut) as (adapter, partners):
            return await _measure(sut, citrine, adapter, partners, dataclasses.replace(
                sut.fleet(SESSIONS), id_tokens=tokens
            ), seconds)  # fmt: skip


async def _measure(
    sut: Sut, citrine: Citrine, adapter: Process, partners: _Partners, fleet: Any, seconds: float
) -> Roaming:
    told = _Told()
    position = await citrine.event_position()
    following = asyncio.create_task(told.follow(citrine, position))
    windows = []
    loop = asyncio.get_running_loop()
    try:
        async with PacedFleet.connected(fleet) as paced:
            began = loop.time()
            await paced.begin(Talk.UPDATES_6)
            await _begun(partners.peers)
            begun_seconds = loop.time() - began
            for name, rate in LOADS:
                if name == "one never answers":
                    partners.peers[-1].answers.clear()
                elif name == "one refuses connections":
                    await partners.refuse()
                sut.say(f"{name}, {rate:.0f} updates/s")
                windows.append(await _window(name, rate, sut, adapter, partners, paced, told, seconds))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return Roaming(SESSIONS, len(PARTIES), RATE, begun_seconds, windows)


async def _begun(peers: Sequence[Emsp]) -> None:
    """Wait until each has all sessions of its drivers.

    Raises:
        BenchError: When one has not in time.
    """
    wanted = SESSIONS // len(PARTIES)
    try:
        async with asyncio.timeout(BEGUN):
            for one in peers:
                async with one.changed:
                    await one.changed.wait_for(lambda one=one: _sessions(one) >= wanted)  # type: ignore[misc]
    except TimeoutError:
        raise BenchError(f"partners have {[*map(_sessions, peers)]} sessions, each of {wanted}") from None


def _sessions(partner: Emsp) -> int:
    """Return how many sessions a partner has; it has locations as well."""
    return sum(module == MODULE for module, _ in partner.objects)


def _pushes(partner: Emsp) -> int:
    """Return how many requests with sessions a partner got."""
    return sum(one.module == MODULE for one in partner.received)


async def _window(
    name: str,
    rate: float,
    sut: Sut,
    adapter: Process,
    partners: _Partners,
    fleet: PacedFleet,
    told: _Told,
    seconds: float,
) -> Window:
    pids = {**sut.pids, "adapter": [adapter.pid]}
    meter = Meter(pids, sut.profiles, f"{name} {rate:.0f}")
    seen = [0 for _ in partners.peers]
    pushes, already = [0], [0]

    def opened() -> None:
        for stream in told.events.values():
            stream.clear()
        seen[:] = [len(one.received) for one in partners.peers]
        already[0] = sum(map(_pushes, partners.peers))
        meter.open()

    def closed() -> None:
        meter.close()
        pushes[0] = sum(map(_pushes, partners.peers)) - already[0]

    run = await fleet.run(Talk.UPDATES_6, rate, seconds, opened=opened, closed=closed)
    if run.errors:
        raise BenchError(f"{name}: the load went wrong: {run.errors}")
    delays = await _all_delays(partners, seen, told)
    cost = meter.cost

    def at(share: float) -> float:
        return delays[min(len(delays) - 1, int(share * len(delays)))]

    return Window(
        name,
        rate,
        {role: used / cost.seconds for role, used in cost.cpu.items()},
        len(delays),
        pushes[0],
        1000 * cost.cpu["adapter"] / max(1, pushes[0]),
        at(0.5),
        at(0.95),
        at(0.99),
        sum(delay >= NEVER for delay in delays),
    )


async def _all_delays(partners: _Partners, seen: Sequence[int], told: _Told) -> list[float]:
    """Wait until those that stay have all of a window, or for DRAINED seconds; return how late each update came."""
    began, found = time.monotonic(), -1
    while True:
        await asyncio.sleep(1.0)
        alive = zip(partners.peers[:-1], seen[:-1], strict=True)
        delays = sorted(delay for one, first in alive for delay in _delays(one, first, told))
        # The events themselves may come a moment later, too.
        have_all = len(delays) == found and bool(delays) and delays[-1] < NEVER
        if have_all or time.monotonic() - began > DRAINED:
            return delays
        found = len(delays)


def _delays(partner: Emsp, first: int, told: _Told) -> list[float]:
    """Return the milliseconds from each event of a partner's sessions until it had that energy, or more."""
    stations = {value["id"]: value["evse_uid"] for (module, _), value in partner.objects.items() if module == MODULE}
    got: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in partner.received[first:]:
        if "kwh" in one.body:
            got[stations[one.path.rpartition("/")[2]]].append((one.receive_time, 1000 * one.body["kwh"]))
    found = []
    for station in stations.values():
        for moment, energy in told.events[station]:
            have = [at for at, reached in got[station] if reached >= energy - 0.01]
            found.append(1000 * (min(have) - moment) if have else NEVER)
    return found


async def _place(citrine: Citrine, stations: Sequence[str], tokens: Sequence[str]) -> None:
    """Have each station stand somewhere, and each token belong to a partner."""
    limit = asyncio.Semaphore(AT_A_TIME)

    async def one(call: Any, request: Any) -> None:
        async with limit:
            await call(request)

    sites = [
        locations.Location(
            location_id=f"L-{number}",
            address="Quay 1",
            city="Bergen",
            country="NOR",
            time_zone="Europe/Oslo",
            coordinates=locations.GeoLocation(latitude="60.392990", longitude="5.324150"),
        )
        for number in range(SESSIONS // EACH_LOCATION)
    ]
    evses = [
        locations.LocationEvse(
            uid=station_id, location_id=f"L-{number // EACH_LOCATION}", station_id=station_id, evse_id=1
        )
        for number, station_id in enumerate(stations)
    ]
    made = [
        Token(id_token=uid, type="ISO14443", country_code="NL", party_id=PARTIES[number % len(PARTIES)],
              contract_id=f"NL-{uid}")
        for number, uid in enumerate(tokens)
    ]  # fmt: skip
    await asyncio.gather(
        *(one(citrine.locations.CreateLocation, locations.CreateLocationRequest(location=site)) for site in sites),
        *(one(citrine.tokens.CreateToken, CreateTokenRequest(token=token)) for token in made),
    )
    stands = [
        UpdateStationRequest(
            station=Station(station_id=evse.station_id, location_id=evse.location_id),
            update_mask=FieldMask(paths=["location_id"]),
        )
        for evse in evses
    ]
    await asyncio.gather(*(one(citrine.stations.UpdateStation, request) for request in stands))
    await asyncio.gather(
        *(one(citrine.locations.CreateLocationEvse, locations.CreateLocationEvseRequest(evse=evse)) for evse in evses)
    )


@contextlib.asynccontextmanager
async def _adapter(sut: Sut) -> AsyncIterator[tuple[Process, _Partners]]:
    """Run an adapter with all partners registered, half of them by each version."""
    directory = sut.deployment.cores[0].directory
    database = await _database(sut, directory)
    settings = {
        "ocpi_listen": "127.0.0.1:0",
        "ocpi_http_listen": "127.0.0.1:0",
        "ocpi_database": database,
        "ocpi_encryption_key_file": str(directory / "ocpi.keys"),
        "ocpi_key_file": str(directory / "operator.key"),
        "ocpi_allow_insecure_partners": "true",
        "core": (await sut.deployment.cores[0].ready())["grpc"],
        "log_level": "ERROR",
    }
    async with office(OcpiSettings(**settings), "http://127.0.0.1") as opened:  # type: ignore[arg-type]
        await opened.administration.set_party(OwnParty(Party.parse("DE-CIT"), "Citrine Charging"))
        invitations = [await opened.administration.add(party.lower()) for party in PARTIES]
    variables = {f"CITRINE_{name.upper()}": value for name, value in settings.items()}
    process = Process("ocpi", ["ocpi", "serve"], variables, directory)
    process.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(process.stop)
        versions = f"http://{(await process.ready())['ocpi']}/ocpi/versions"
        served, peers = [], []
        for number, (party, token) in enumerate(zip(PARTIES, invitations, strict=True)):
            own = await stack.enter_async_context(contextlib.AsyncExitStack())
            opened_socket, url = bound()
            peer = Emsp(url, party_id=party, validate=lambda *_, **__: [])
            await own.enter_async_context(serving(peer, opened_socket))
            await peer.register(versions, token, ("2.2.1", "2.3.0")[number % 2])
            served.append(own)
            peers.append(peer)
        yield process, _Partners(peers, served)


async def _database(sut: Sut, directory: Path) -> str:
    """Return the URL of a database for the adapter, of the kind that the core has."""
    if sut.postgres is None:
        return f"sqlite+aiosqlite:///{directory / 'ocpi.db'}"
    await run_statements(sut.postgres.url(), ["CREATE DATABASE ocpi"])
    return sut.postgres.url("ocpi")
