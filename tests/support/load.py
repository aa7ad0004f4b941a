"""Simulated stations that charge without end, and what became of every message they sent."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from citrine.api.v1.stations_pb2 import CreateStationRequest
from citrine.api.v1.stations_pb2 import Station as ApiStation
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import ListTransactionEventsRequest, ListTransactionsRequest
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.transactions_pb2 import TRIGGER_REASON_ENUM_CHARGING_STATE_CHANGED as STATE_CHANGED
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum, TransactionEventRequest
from citrine_sdk import Citrine
from citrine_simulator import EventKey, Journal, JournalSummary, Kind, Station, StationConfig, Store, read_journal
from citrine_simulator.clock import format_time
from tests.support.deployment import Deployment

__all__ = ["Fleet", "charging_fleet", "register", "stored_events"]

PASSWORD = "correct-horse-battery"

QUICK = {
    "OCPPCommCtrlr.MessageTimeout[Default]": "20",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "1",
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "1",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "1",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "1",
    "SampledDataCtrlr.TxUpdatedInterval": "10",
}
"""A station that comes back soon; everything else is as it is delivered."""


async def register(citrine: Citrine, station_ids: list[str]) -> None:
    """Register stations with one password, and the token that they use."""
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token="C0FFEE01", type="ISO14443")))
    for station_id in station_ids:
        await citrine.stations.CreateStation(
            CreateStationRequest(station=ApiStation(station_id=station_id), password=PASSWORD)
        )


@dataclass
class Fleet:
    """Stations under load, and their journal."""

    stations: list[Station]
    journal: Path
    acknowledged_at: dict[str, float]
    """Time of `time.monotonic` at which the latest message of each station was acknowledged."""
    acknowledgements: int = 0
    """How many messages were acknowledged so far."""

    def note(self, kind: Kind, station_id: str, *_: Mapping[str, object]) -> None:
        """Take note of a line of the journal."""
        if kind is Kind.ACKNOWLEDGED:
            self.acknowledgements += 1
            self.acknowledged_at[station_id] = time.monotonic()

    def summary(self) -> JournalSummary:
        """Return what became of the messages so far."""
        return read_journal(self.journal)

    async def acknowledged(self, more: int, within: float = 90.0) -> None:
        """Wait until that many more messages have been acknowledged than now, for so many seconds at most."""
        goal = self.acknowledgements + more
        async with asyncio.timeout(within):
            while self.acknowledgements < goal:
                await asyncio.sleep(0.1)

    async def all_acknowledged(self, within: float = 90.0) -> None:
        """Wait until a message of each station has been acknowledged from now on, for so many seconds at most.

        Raises:
            TimeoutError: When it takes longer, with those that have none.
        """
        begin = time.monotonic()
        while waiting := [
            s.config.station_id for s in self.stations if self.acknowledged_at.get(s.config.station_id, 0) < begin
        ]:
            if time.monotonic() > begin + within:
                raise TimeoutError(f"no message was acknowledged within {within} s of {', '.join(waiting)}")
            await asyncio.sleep(0.1)

    async def delivered(self) -> None:
        """Wait until no station has a message in its queue."""
        for station in self.stations:
            if station.queued:
                await station.wait_for("queue_empty", timeout=120)


async def _charge_for_ever(station: Station, pause: float) -> None:
    await station.wait_for("accepted", timeout=60)
    while True:
        await station.plug_in()
        transaction_id = await station.start_transaction()
        for _ in range(4):
            await station.meter(transaction_id)
            await asyncio.sleep(pause)
        await station.stop_transaction(transaction_id)
        await station.unplug()


@contextlib.asynccontextmanager
async def charging_fleet(
    deployment: Deployment,
    station_ids: list[str],
    directory: Path,
    urls: Sequence[str] = (),
    pause: float = 0.5,
    versions: Sequence[str] = ("2.0.1",),
) -> AsyncIterator[Fleet]:
    """Run stations that charge, spread over the edges. When the block ends they stop charging and deliver the rest.

    Args:
        deployment: Whose stations they are.
        station_ids: All of them.
        directory: Where they keep what survives their power cuts, and the journal.
        urls: By which they reach the edges, where not directly.
        pause: Seconds between a transaction's events.
        versions: OCPP versions, which stations have in turn.
    """
    urls = urls or [deployment.url(number) for number in range(len(deployment.edges))]
    store = Store(directory / "stations")
    path = directory / "journal.jsonl"
    fleet = Fleet([], path, {})
    journal = Journal(path, listener=fleet.note)
    fleet.stations = stations = [
        Station(
            StationConfig.model_validate(
                {
                    "station_id": station_id,
                    "url": urls[number % len(urls)],
                    "password": PASSWORD,
                    "version": versions[number % len(versions)],
                    "variables": QUICK,
                    "speed": 10,
                    "auto_meter": False,
                    # They charge at the first one.
                    "evses": 2,
                }
            ),
            store=store,
            journal=journal,
        )
        for number, station_id in enumerate(station_ids)
    ]
    try:
        for station in stations:
            await station.start()
        loops = [asyncio.create_task(_charge_for_ever(station, pause)) for station in stations]
        try:
            yield fleet
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
        await fleet.delivered()
    finally:
        for station in stations:
            await station.stop()
        journal.close()


async def stored_events(citrine: Citrine, station_ids: list[str]) -> dict[EventKey, int]:
    """Return how often each event that a station sent about a transaction is stored."""
    found: dict[EventKey, int] = {}
    for station_id in station_ids:
        async for transactions in citrine.pages(
            citrine.transactions.ListTransactions, ListTransactionsRequest(station_id=station_id, page_size=1000)
        ):
            for transaction in transactions.transactions:
                request = ListTransactionEventsRequest(
                    station_id=station_id, transaction_id=transaction.transaction_id, page_size=1000
                )
                page = await citrine.transactions.ListTransactionEvents(request)
                for event in page.events:
                    if transaction.unnumbered and event.request.trigger_reason == STATE_CHANGED:
                        # The core's own, of the status of the connector: stations of OCPP 1.6 have no such message.
                        continue
                    key = _key(station_id, event.request)
                    found[key] = found.get(key, 0) + 1
    return found


def _key(station_id: str, event: TransactionEventRequest) -> EventKey:
    return EventKey(
        station_id,
        event.transaction_info.transaction_id,
        event.seq_no,
        spelling_of(TransactionEventEnum, event.event_type),
        format_time(event.timestamp.ToDatetime(UTC)),
    )
