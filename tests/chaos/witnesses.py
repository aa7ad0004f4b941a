"""What else is watched during a run: numbered DataTransfers of stations, and a subscriber that follows all events."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import NamedTuple

from citrine.api.v1.availability_pb2 import ListConnectorStatusesRequest
from citrine.api.v1.data_transfer_pb2 import ListDataTransfersRequest
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import ListEventsRequest
from citrine_sdk import Backoff, Citrine
from citrine_simulator import CallFailedError, Station
from tests.support.deployment import Deployment

__all__ = [
    "Fact",
    "Follower",
    "Transfers",
    "fact_of",
    "following",
    "stored_statuses",
    "stored_transfers",
    "transferring",
]

VENDOR = "org.example.chaos"

CONNECTOR = (2, 1)
"""EVSE and connector at which nobody charges."""

PAUSE = 0.5
"""Seconds between the DataTransfers of a station."""

CATCH_UP = 90.0
"""Seconds that a subscriber may be behind at the end: as long as it takes to find out that its stream is lost."""

_TRANSACTIONS = ("transaction_started", "transaction_updated", "transaction_ended")


class Fact(NamedTuple):
    """What an event or a row says that there is once: a kind, a station, and what tells it from others of the kind."""

    kind: str
    station_id: str
    identity: tuple[object, ...]


@dataclass
class Transfers:
    """The DataTransfers of stations, each with a number: a repetition is recognised by its call alone.

    Stations report on the status of a connector, too, each time another one.
    """

    sent: set[Fact] = field(default_factory=set)
    """All of them. One that was not answered may be stored or not; the station does not resend it."""
    answered: set[Fact] = field(default_factory=set)

    async def send(self, station: Station) -> None:
        """Send DataTransfers until cancelled."""
        for number in itertools.count():
            await station.wait_for("accepted", timeout=CATCH_UP)
            fact = Fact("data_transfer_received", station.config.station_id, (str(number),))
            self.sent.add(fact)
            await station.status(*CONNECTOR, None if number % 2 else "Faulted")
            with contextlib.suppress(CallFailedError):
                await station.call("DataTransfer", {"vendorId": VENDOR, "messageId": str(number)})
                self.answered.add(fact)
            await asyncio.sleep(PAUSE)


@contextlib.asynccontextmanager
async def transferring(stations: Sequence[Station]) -> AsyncIterator[Transfers]:
    """Have stations send DataTransfers and StatusNotifications for the time of a block."""
    transfers = Transfers()
    sending = [asyncio.create_task(transfers.send(station)) for station in stations]
    try:
        yield transfers
    finally:
        for one in sending:
            one.cancel()
        ended = await asyncio.gather(*sending, return_exceptions=True)
    for problem in ended:
        if isinstance(problem, Exception):
            raise problem


@dataclass
class Follower:
    """A subscriber of all events, from the first one on, whatever happens to the cores."""

    tokens: set[str] = field(default_factory=set)
    facts: Counter[Fact] = field(default_factory=Counter)

    async def follow(self, citrine: Citrine) -> None:
        """Follow until cancelled."""
        async for event in citrine.follow_events(from_token="0", backoff=Backoff(longest=1.0)):
            self.tokens.add(event.token)
            if (fact := fact_of(event)) is not None:
                self.facts[fact] += 1

    async def missed(self, citrine: Citrine) -> list[str]:
        """Return the events that are stored, and that were not received within CATCH_UP."""
        pages = citrine.pages(citrine.events.ListEvents, ListEventsRequest(page_size=1000))
        stored = {event.token: event async for page in pages for event in page.events}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP):
                while stored.keys() - self.tokens:
                    await asyncio.sleep(0.1)
        return [str(event) for token, event in stored.items() if token not in self.tokens]


@contextlib.asynccontextmanager
async def following(deployment: Deployment) -> AsyncIterator[Follower]:
    """Follow all events of a deployment for the time of a block."""
    follower = Follower()
    async with deployment.client() as citrine:
        task = asyncio.create_task(follower.follow(citrine), name="follower")
        try:
            yield follower
        finally:
            task.cancel()
            [ended] = await asyncio.gather(task, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended


def fact_of(event: Event) -> Fact | None:
    """Return what an event says that is said once; None of other kinds."""
    kind, identity = str(event.WhichOneof("body")), tuple[object, ...]()
    if kind == "data_transfer_received":
        identity = (event.data_transfer_received.request.message_id,)
    elif kind == "connector_status_changed":
        changed = event.connector_status_changed
        identity = (changed.evse_id, changed.connector_id, changed.status, changed.time.ToDatetime(UTC))
    elif kind in _TRANSACTIONS:
        transaction = getattr(event, kind).transaction
        kind, identity = "transaction", (transaction.transaction_id, transaction.seq_no)
    return Fact(kind, event.station_id, identity) if identity else None


async def stored_transfers(citrine: Citrine) -> Counter[Fact]:
    """Return how often each DataTransfer is stored."""
    pages = citrine.pages(
        citrine.data_transfer.ListDataTransfers, ListDataTransfersRequest(page_size=1000, vendor_id=VENDOR)
    )
    return Counter([
        Fact("data_transfer_received", one.station_id, (one.request.message_id,))
        async for page in pages
        for one in page.data_transfers
    ])  # fmt: skip


async def stored_statuses(citrine: Citrine, station_ids: Collection[str]) -> Counter[Fact]:
    """Return how often each change of a connector's status is stored."""
    found: Counter[Fact] = Counter()
    for station_id in station_ids:
        request = ListConnectorStatusesRequest(station_id=station_id, page_size=1000)
        async for page in citrine.pages(citrine.availability.ListConnectorStatuses, request):
            for one in page.statuses:
                identity = (one.evse_id, one.connector_id, one.status, one.time.ToDatetime(UTC))
                found[Fact("connector_status_changed", station_id, identity)] += 1
    return found
