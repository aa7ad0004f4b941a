"""Whatever passes the schema gets the same answer on SQLite and PostgreSQL, and leaves the same rows."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import select

from citrine.edge.v1.link_pb2 import Downstream, SessionRef, StationCall
from citrine.ocpp.actions import action_of, wrap_request
from citrine_core.blocks import built_in
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.db.tables import metadata, own_tables
from citrine_core.dispatch import Answered, HandlingStage, Item, Registry, Routes, collect
from citrine_core.events import write_events
from citrine_core.resources.tokens import Token, lookup_of, type_of
from tests.support.blocks import NOW, add_station, services_of, stamp
from tests.support.engines import new_engine
from tests.support.hostile import MANNERS, Manner, hostile

STATION = "CS-1"

COUNTED = {"id", "sequence"}
"""Columns that databases count up, each in its own steps."""

OF_PARTITIONS = {"events_month"}
"""Columns that say which partition a row is in: SQLite has none."""

STAMPED = {"alerts", "remote_starts", "reservations", "stations"}
"""Tables whose update_time is that of the database (ADR 41)."""


@pytest.fixture
async def both(sqlite_url: str, postgres_url: str) -> AsyncIterator[list[UnitOfWorkFactory]]:
    """Opens units of work on either database, with a station in both."""
    engines = [new_engine(url) for url in (sqlite_url, postgres_url)]
    factories = [UnitOfWorkFactory(engine, partial(write_events, clock=lambda: NOW)) for engine in engines]
    for factory in factories:
        await add_station(factory, STATION)
    yield factories
    for engine in engines:
        await engine.dispose()


class Clock:
    """Goes on by a millisecond each time, and counts calls."""

    def __init__(self) -> None:
        self._time = NOW
        self._calls = 0

    def next_call_id(self) -> int:
        self._calls += 1
        return self._calls

    def __call__(self) -> datetime:
        self._time += timedelta(milliseconds=1)
        return self._time


def routes_of(unit_of_work: UnitOfWorkFactory, clock: Clock) -> Routes:
    return collect(built_in(services_of(unit_of_work, clock)))


def stage_of(unit_of_work: UnitOfWorkFactory, clock: Clock) -> HandlingStage:
    registry = Registry()
    registry.fill(built_in(services_of(unit_of_work, clock, registry)))
    return HandlingStage(registry.routes, sessions, clock, observers=registry.observers)


HANDLED = sorted(collect(built_in(services_of(None))).calls, key=lambda c: c.__name__)  # type: ignore[arg-type]
ANSWERED = sorted(collect(built_in(services_of(None))).answers, key=lambda c: c.__name__)  # type: ignore[arg-type]


async def sessions(work: UnitOfWork, tenant_id: str, station_ids: set[str]) -> Mapping[str, tuple[int, bool, str]]:
    return dict.fromkeys(station_ids, (1, True, ""))


async def send(unit_of_work: UnitOfWorkFactory, clock: Clock, stage: HandlingStage, *messages: Message) -> list[bytes]:
    """Handle messages in one transaction and return the answers."""
    answers: list[bytes] = []

    def reply(downstream: Downstream) -> None:
        answers.append(downstream.SerializeToString(deterministic=True))

    items = [
        Item(
            "default",
            STATION,
            StationCall(
                id=clock.next_call_id(),
                session=SessionRef(tenant_id="default", station_id=STATION, epoch=1),
                message_id=str(number),
                request=wrap_request(message),
                receive_time=stamp(),
            ),
            reply,
        )
        for number, message in enumerate(messages)
    ]
    async with unit_of_work() as work:
        await stage.run(work, items)
        await work.commit()
    assert len(answers) == len(messages)
    return answers


async def rows(unit_of_work: UnitOfWorkFactory) -> dict[str, list[str]]:
    """Return all that is stored of stations, by table."""
    found = {}
    async with unit_of_work(read_only=True) as work:
        for name in sorted(own_tables() - {"tenants"}):
            stored = (await work.session.execute(select(metadata().tables[name]))).mappings()
            own = COUNTED | OF_PARTITIONS | ({"update_time"} if name in STAMPED else set())
            columns = [column.name for column in metadata().tables[name].columns if column.name not in own]
            found[name] = sorted(repr([(column, _plain(row[column])) for column in columns]) for row in stored)
    return found


@pytest.mark.parametrize("message_class", HANDLED, ids=lambda message_class: message_class.__name__)
async def test_same_answers_and_rows_on_both_databases(
    both: list[UnitOfWorkFactory], message_class: type[Message]
) -> None:
    """Alone, again, and all in one batch."""
    messages = [hostile(message_class, manner) for manner in MANNERS]
    answers, stored = [], []
    for unit_of_work in both:
        clock = Clock()
        stage = stage_of(unit_of_work, clock)
        given = []
        for message in (*messages, *messages):
            given += await send(unit_of_work, clock, stage, message)
        given += await send(unit_of_work, clock, stage, *messages, *reversed(messages))
        answers.append(given)
        stored.append(await rows(unit_of_work))

    assert answers[0] == answers[1]
    assert stored[0] == stored[1]


@pytest.mark.parametrize("message_class", ANSWERED, ids=lambda message_class: message_class.__name__)
async def test_answers_to_commands_leave_the_same_rows_on_both_databases(
    both: list[UnitOfWorkFactory], message_class: type[Message]
) -> None:
    stored = []
    for unit_of_work in both:
        clock = Clock()
        routes = routes_of(unit_of_work, clock)
        request_class = action_of(message_class).request
        for manner in (*MANNERS, *MANNERS):
            request, response = hostile(request_class, manner), hostile(message_class, manner)
            async with unit_of_work() as work:
                for route in routes.answers[message_class]:
                    await route.method(work, Answered("default", STATION, "c", request, response, NOW))
                await work.commit()
        stored.append(await rows(unit_of_work))

    assert stored[0] == stored[1]


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.name)
async def test_known_token_of_odd_text_gets_the_same_answer(both: list[UnitOfWorkFactory], manner: Manner) -> None:
    """The token is in the database, so that it is compared there."""
    [message_class] = [found for found in HANDLED if found.__name__ == "AuthorizeRequest"]
    request: Any = hostile(message_class, manner)
    answers = []
    for unit_of_work in both:
        clock = Clock()
        async with unit_of_work() as work:
            work.session.add(_token(request.id_token.id_token, request.id_token.type))
            await work.commit()
        stage = stage_of(unit_of_work, clock)
        answers.append(await send(unit_of_work, clock, stage, request))

    assert answers[0] == answers[1]


def _plain(value: object) -> object:
    # SQLite keeps -0.0 as 0: the same number.
    return value + 0.0 if isinstance(value, float) else value


def _token(id_token: str, kind: str) -> Token:
    return Token(
        tenant_id="default", lookup=lookup_of(id_token, kind), type=type_of(kind), id_token=id_token, create_time=NOW
    )
