"""Calls that an edge sends again, because its link was lost or its core did not commit, over the real link."""

import asyncio
import contextlib
import io
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine.api.v1 import stations_pb2
from citrine.api.v1.authorization_pb2 import AuthorizationSettings, Authorizer, UpdateAuthorizationSettingsRequest
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import action_of
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine.ocpp.v2.provisioning_pb2 import BootNotificationRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_core.blocks import blocks_of
from citrine_core.db import create_engine
from citrine_core.db.tables import metadata, own_tables
from citrine_core.db.upgrade import upgrade
from citrine_core.dispatch import Block
from citrine_core.dispatch.models import AnsweredCall
from citrine_core.services import Services
from citrine_core.traces import current_trace, trace_id_of
from citrine_process.logs import FieldFormatter
from tests.support.authorizer import fake_authorizer
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.databases import somebody_waits
from tests.support.fake_edge import FakeEdge, RefusedByCore
from tests.support.hostile import MANNERS, hostile
from tests.support.plug_in import install_example_block
from tests.support.proxy import proxied
from tests.support.waiting import WAIT

VENDOR = "com.example.thermometers"

OF_THE_CORE = {
    "api_keys",
    "counted_transactions",
    "edges",
    "evse_downtimes",
    "evse_services",
    "leases",
    "rollups",
    "station_sightings",
    "statistics_cursor",
}
"""Tables that cores also write by themselves: what they count for statistics, when they heard of whom, who leads."""

MANNER = MANNERS[2]
"""All that can be said, with ids that fit."""


def reading(celsius: float = 21.5) -> DataTransferRequest:
    return DataTransferRequest(vendor_id=VENDOR, message_id="reading", data=Value(number_value=celsius))


@pytest.fixture
async def core(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningCore]:
    """A core with a vendor's plug-in."""
    install_example_block(tmp_path, monkeypatch)
    await upgrade(database_url)
    async with running_core(database_url, tmp_path) as core:
        await core.add_station("CS-1", registration=1)
        yield core


async def relink(edge: FakeEdge) -> None:
    """Lose the link and open it anew, as the same edge process."""
    await edge.break_off()
    await edge.open()


async def outcome_of(edge: FakeEdge, call_id: int) -> Message | tuple[str, str]:
    try:
        answer: Message = await edge.answer_to(call_id)
    except RefusedByCore as refused:
        return refused.code, refused.description
    return answer


async def rows(core: RunningCore) -> dict[str, list[str]]:
    """Return all that is stored, by table."""
    found = {}
    async with core.core.unit_of_work(read_only=True) as work:
        for name in sorted(own_tables() - OF_THE_CORE):
            stored = await work.session.execute(select(metadata().tables[name]))
            found[name] = sorted(repr(row) for row in stored)
    return found


async def readings(core: RunningCore) -> int:
    """Return how often the vendor's handler had its effect."""
    async with core.core.unit_of_work(read_only=True) as work:
        count: int = (await work.session.execute(text("SELECT count(*) FROM example_readings"))).scalar_one()
    return count


async def transfers(core: RunningCore) -> tuple[int, int]:
    """Return the rows and the events of DataTransfer."""
    async with core.core.unit_of_work(read_only=True) as work:
        rows = await work.session.scalar(select(func.count()).select_from(metadata().tables["data_transfers"]))
        events = await work.session.scalar(select(func.count()).select_from(metadata().tables["outbox"]).where(_OF_1))
    return rows or 0, events or 0


_OF_1 = text("station_id = 'CS-1' AND kind = 'data_transfer_received'")


@contextlib.asynccontextmanager
async def slow(engine: AsyncEngine) -> AsyncIterator[None]:
    """Have a database not commit any DataTransfer for the time of a block."""
    async with engine.connect() as connection:
        await _lock(connection)
        yield
        await connection.rollback()


async def _lock(connection: AsyncConnection) -> None:
    if connection.dialect.name == "sqlite":
        # The connection begins with the writer's lock, and waits for it as long as it may.
        await connection.execute(text("DELETE FROM data_transfers"))
    else:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text("LOCK TABLE data_transfers IN ACCESS EXCLUSIVE MODE"))


@pytest.fixture
async def other_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections of somebody else to the core's database."""
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


async def test_a_slow_database_and_a_lost_link_make_one_row_one_event_and_one_run_of_the_vendors_handler(
    core: RunningCore, other_engine: AsyncEngine
) -> None:
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(HeartbeatRequest())
        async with slow(other_engine):
            call_id = edge.put_call(station.ref, reading())
            await _waits(core, 1)
            await edge.break_off()
            opening = asyncio.ensure_future(edge.open())
            if other_engine.dialect.name == "postgresql":
                # SQLite has one writer, so that an edge is welcome only afterwards.
                await opening
                edge.put_again(edge.calls[call_id])
                await _waits(core, 2)
        await opening
        edge.put_again(edge.calls[call_id])
        answer = await edge.answer_to(call_id)
        await relink(edge)
        edge.put_again(edge.calls[call_id])
        again = await edge.answer_to(call_id)

    assert again == answer
    assert await readings(core) == 1
    assert await transfers(core) == (1, 1)


async def _waits(core: RunningCore, items: int) -> None:
    """Wait until so many items wait or are under way."""
    async with asyncio.timeout(WAIT):
        while core.core.lanes.waiting < items:
            await asyncio.sleep(0)


async def test_a_link_that_is_lost_between_commit_and_answer_costs_nothing(core: RunningCore) -> None:
    """The core committed, and nobody was there to hear its answer."""
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        call_id = edge.put_call(station.ref, reading())
        answer = await edge.answer_to(call_id)
        await relink(edge)

        edge.put_again(edge.calls[call_id])

        assert await edge.answer_to(call_id) == answer
        # The next one is another.
        assert await station.call(reading())
    assert await readings(core) == 2


@pytest.mark.parametrize("message_id", ["refuse", "poison"])
async def test_a_refusal_is_given_again(core: RunningCore, message_id: str) -> None:
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        call_id = edge.put_call(station.ref, DataTransferRequest(vendor_id=VENDOR, message_id=message_id))
        first = await outcome_of(edge, call_id)
        before = await rows(core)
        edge.put_again(edge.calls[call_id])

        assert await outcome_of(edge, call_id) == first
        assert isinstance(first, tuple)
    assert await rows(core) == before


async def test_what_is_logged_of_a_call_bears_its_trace(core: RunningCore) -> None:
    """Also where it came in a batch with others."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(FieldFormatter(lambda: trace_id_of(current_trace())))
    logging.getLogger("citrine_core").addHandler(handler)
    try:
        async with core.edge() as edge:
            station = await edge.connect("CS-1", PASSWORD)
            edge.put_call(station.ref, reading())
            call_id = edge.put_call(station.ref, DataTransferRequest(vendor_id=VENDOR, message_id="poison"))
            await outcome_of(edge, call_id)
    finally:
        logging.getLogger("citrine_core").removeHandler(handler)

    [line] = [line for line in text.getvalue().splitlines() if "an item failed by itself" in line]
    assert f"trace_id='{call_id:032x}'" in line


@pytest.fixture
async def cores(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[RunningCore, RunningCore]]:
    """Two cores on one database, whose blocks do nothing but what they are told to."""
    install_example_block(tmp_path, monkeypatch)
    await upgrade(database_url)

    def make(services: Services) -> list[Block]:
        return [replace(block, jobs=()) for block in blocks_of(services)]

    async with (
        running_core(database_url, tmp_path, make_blocks=make) as one,
        running_core(database_url, tmp_path, make_blocks=make) as two,
    ):
        yield one, two


@pytest.mark.parametrize("version", [link.OCPP_VERSION_201, link.OCPP_VERSION_21])
async def test_every_action_has_its_effect_once_on_the_same_core_and_on_another(
    cores: tuple[RunningCore, RunningCore], version: link.OcppVersion.ValueType
) -> None:
    """All that a station may send, and the core handles: the same answers and the same rows as after the first."""
    core, other = cores
    messages = [
        hostile(message, MANNER)
        for message in sorted(core.core.registry.routes.calls, key=lambda message: message.__name__)
        if version == link.OCPP_VERSION_21 or action_of(message).in_v201
    ]
    async with core.edge() as edge, other.edge() as beside:
        stations = []
        for number in range(len(messages)):
            await core.add_station(f"CS-{number}", registration=1)
            stations.append(await edge.connect(f"CS-{number}", PASSWORD, version=version))
        empty = await rows(core)
        calls = [edge.put_call(station.ref, message) for station, message in zip(stations, messages, strict=True)]
        first = [await outcome_of(edge, call_id) for call_id in calls]
        stored = await rows(core)
        await relink(edge)
        for again in (edge, beside):
            for call_id in calls:
                again.put_again(edge.calls[call_id])
            for message, call_id, outcome in zip(messages, calls, first, strict=True):
                assert _timeless(await outcome_of(again, call_id)) == _timeless(outcome), type(message).__name__
            assert _changed(stored, await rows(other)) == {}

    assert len(messages) > 15
    assert all(isinstance(outcome, Message) for outcome in first)
    assert len(_changed(empty, stored)) > 20


def _changed(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, tuple[list[str], list[str]]]:
    """Return the tables that are not as before."""
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def _timeless(outcome: Any) -> Any:
    """Return an answer without the time that stations set their clocks by, which is always that of now."""
    if isinstance(outcome, Message) and "current_time" in outcome.DESCRIPTOR.fields_by_name:
        outcome.ClearField("current_time")
    return outcome


async def test_what_a_core_could_not_commit_has_its_effect_once(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edge sends it again when the core serves, whether it was stored before or not."""
    install_example_block(tmp_path, monkeypatch)
    await upgrade(postgres_url)
    host = postgres_url.partition("@")[2].partition("/")[0]
    async with proxied(host) as proxy:
        url = postgres_url.replace(host, proxy.address)
        async with running_core(url, tmp_path) as core, core.edge() as edge:
            await core.add_station("CS-1", registration=1)
            station = await edge.connect("CS-1", PASSWORD)
            answers = []
            for number in range(3):
                call_id = edge.put_call(station.ref, reading())
                if number:
                    proxy.refuse()
                    assert not (await edge.next("serving")).serving
                    proxy.heal()
                    assert (await edge.next("serving")).serving
                    edge.put_again(edge.calls[call_id])
                answers.append(await edge.answer_to(call_id))

            assert await readings(core) == 3
            assert await transfers(core) == (3, 3)


async def test_two_cores_handle_a_call_once(
    postgres_engine: AsyncEngine, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is at it when the edge gives it up and sends the call to the other."""
    install_example_block(tmp_path, monkeypatch)
    await upgrade(postgres_url)
    async with (
        running_core(postgres_url, tmp_path) as one,
        running_core(postgres_url, tmp_path) as two,
        one.edge() as link_to_one,
        two.edge() as link_to_two,
    ):
        await one.add_station("CS-1", registration=1)
        station = await link_to_one.connect("CS-1", PASSWORD)
        async with slow(postgres_engine):
            call_id = link_to_one.put_call(station.ref, reading())
            await somebody_waits(postgres_engine)
            await link_to_one.break_off()
            link_to_two.put_again(link_to_one.calls[call_id])
            await _waits(two, 1)
        answer = await link_to_two.answer_to(call_id)
        link_to_two.put_again(link_to_one.calls[call_id])
        again = await link_to_two.answer_to(call_id)

        assert again == answer
        assert await readings(one) == 1
        assert await transfers(one) == (1, 1)


def authorize() -> AuthorizeRequest:
    return AuthorizeRequest(id_token=IdToken(id_token="CAFE0009", type="ISO14443"))


async def test_an_authorizer_is_asked_once(core: RunningCore) -> None:
    """Whether the call comes again while it thinks, or once it was answered."""
    accepted = IdTokenInfo(status=AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED)
    async with fake_authorizer() as authorizer, core.edge() as edge:
        authorizer.decide = lambda _: accepted
        settings = AuthorizationSettings(authorizer=Authorizer(address=authorizer.address))
        stub: Any = core.stub(AuthorizationServiceStub)
        await stub.UpdateAuthorizationSettings(UpdateAuthorizationSettingsRequest(settings=settings))
        station = await edge.connect("CS-1", PASSWORD)
        authorizer.held.clear()
        call_id = edge.put_call(station.ref, authorize())
        await authorizer.called.wait()
        await relink(edge)
        edge.put_again(edge.calls[call_id])
        # What the link carries is in order, so that the repetition is there.
        await edge.admit("CS-2", PASSWORD)
        authorizer.held.set()
        answer = await edge.answer_to(call_id)
        edge.put_again(edge.calls[call_id])
        again = await edge.answer_to(call_id)

    assert answer.id_token_info == accepted
    assert again == answer
    assert len(authorizer.asked) == 1


async def test_of_a_station_that_is_removed_nothing_stays(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(BootNotificationRequest())
        assert await answered_calls(core) == ["CS-1"]
        stub: Any = core.stub(StationsServiceStub)

        await stub.DeleteStation(stations_pb2.DeleteStationRequest(station_id="CS-1"))

        assert await answered_calls(core) == []


async def answered_calls(core: RunningCore) -> Sequence[str]:
    async with core.core.unit_of_work(read_only=True) as work:
        return list(await work.session.scalars(select(AnsweredCall.station_id)))
