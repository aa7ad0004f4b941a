"""Runs handlers of a block on a database, without a link."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select

from citrine.events.v1.events_pb2 import Event
from citrine_core.clock import Clock
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.dispatch import Answered, Call, Registry
from citrine_core.events.models import OutboxEvent
from citrine_core.resources.stations.models import Station
from citrine_core.services import Services

__all__ = ["NOW", "add_station", "answered", "call_of", "events", "find_station", "handle", "services_of", "stamp"]

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
"""When things happen in tests that do not care."""

M = TypeVar("M", bound=Message)


def services_of(
    unit_of_work: UnitOfWorkFactory, clock: Clock = lambda: NOW, registry: Registry | None = None, **settings: Any
) -> Services:
    """Return services without a link: nothing can be sent."""
    commands = cast("Any", None)
    return Services(CoreSettings(**settings), unit_of_work, clock, commands, registry=registry or Registry(()))


def stamp(time: datetime = NOW) -> Timestamp:
    """Return a time as protobuf has it."""
    result = Timestamp()
    result.FromDatetime(time)
    return result


def call_of(message: M, station_id: str = "CS-1", receive_time: datetime = NOW, tenant_id: str = "default") -> Call[M]:
    """Return a CALL of a station."""
    return Call(tenant_id, station_id, 1, "message-1", message, receive_time)


def answered(
    request: Message, response: Message, receive_time: datetime = NOW, station_id: str = "CS-1"
) -> Answered[Any, Any]:
    """Return a station's answer to a command."""
    return Answered("default", station_id, "command-1", request, response, receive_time)


async def handle(
    unit_of_work: UnitOfWorkFactory, method: Callable[[UnitOfWork, Any], Awaitable[Any]], what: object
) -> Any:
    """Run a handler in a unit of work of its own, and commit."""
    async with unit_of_work() as work:
        result = await method(work, what)
        await work.commit()
    return result


async def events(unit_of_work: UnitOfWorkFactory, station_id: str = "CS-1") -> Sequence[Event]:
    """Return the events about a station that were stored, without token and time."""
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(
            select(OutboxEvent.payload).where(OutboxEvent.station_id == station_id).order_by(OutboxEvent.id)
        )
        found = [Event.FromString(payload) for payload in rows]
    for event in found:
        event.ClearField("time")
    return found


async def add_station(unit_of_work: UnitOfWorkFactory, station_id: str = "CS-1", **columns: Any) -> None:
    """Add a station of the default tenant."""
    async with unit_of_work() as work:
        work.session.add(Station(tenant_id="default", station_id=station_id, create_time=NOW, **columns))
        await work.commit()


async def find_station(unit_of_work: UnitOfWorkFactory, station_id: str = "CS-1") -> Station:
    """Return what is stored of a station."""
    async with unit_of_work(read_only=True) as work:
        return await work.session.get_one(Station, ("default", station_id))
