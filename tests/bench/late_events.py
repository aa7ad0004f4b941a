"""The late-event scenario: a long transaction whose events come newest first, beside a station that wants an answer."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1.transactions_pb2 import GetTransactionRequest, Transaction
from citrine_sdk import Citrine
from citrine_simulator.load.tally import Latencies
from tests.bench.loads import STARTED
from tests.bench.measure import cpu_by_role
from tests.bench.scenarios import Sut
from tests.support.raw_station import RawStation, raw_station

__all__ = ["LateEvents", "LateRun", "late_events"]

LATE = (1_000, 10_000)
"""Events of transactions: what each costs should not depend on their number."""

IN_ORDER = 500
"""Events of another one in order, to compare with: each costs the same."""

PAUSE = 0.05
"""Seconds from one message of the other station to the next."""

FOLD_TIME = 120.0
"""Seconds in which all events must be taken in."""


@dataclass(frozen=True)
class LateEvents:
    """What the late events of one transaction cost."""

    count: int
    """Events that came late."""
    cpu_reversed: float
    """Seconds of CPU of edge, core and database per message, events newest first, until all are folded: of them and of
    the other station's calls."""
    waits_ms: Latencies
    """What another station waited for its answers meanwhile."""


@dataclass(frozen=True)
class LateRun:
    """What late events cost beside those in order."""

    cpu_in_order: float
    """The same of events in order, beside the other station's calls, too."""
    late: Sequence[LateEvents]
    """By their number."""


async def late_events(sut: Sut) -> LateRun:
    """Send a transaction in order, and longer ones newest first.

    Raises:
        RuntimeError: When an event was answered with an error, or the transaction is not what its events say.
    """
    one, other = list(sut.passwords)[:2]
    async with contextlib.AsyncExitStack() as stack:
        citrine = await stack.enter_async_context(sut.deployment.client())
        websockets = [
            await stack.enter_async_context(raw_station(sut.deployment.url(), name, sut.passwords[name]))
            for name in (one, other)
        ]
        for websocket in websockets:
            await websocket.boot()
        # Every job has run once by then.
        await asyncio.sleep(STARTED)

        async def cost(payloads: list[dict[str, Any]], name: str) -> tuple[float, Latencies]:
            waits: list[float] = []
            async with _asking(websockets[1], waits):
                cpu = await _send(sut, citrine, websockets[0], name, payloads)
            return cpu / (len(payloads) + len(waits)), Latencies.of(waits)

        in_order, _ = await cost(_events("ordered", IN_ORDER), "ordered")
        found = [
            LateEvents(count, *await cost(_events(f"reversed-{count}", count)[::-1], f"reversed-{count}"))
            for count in LATE
        ]
    return LateRun(in_order, found)


async def _send(
    sut: Sut, citrine: Citrine, websocket: RawStation, name: str, payloads: Sequence[dict[str, Any]]
) -> float:
    """Send events, each when the one before is answered, and return the CPU seconds until all are taken in."""
    before = sum(cpu_by_role(sut.pids).values())
    for payload in payloads:
        answer = await websocket.ask("TransactionEvent", payload)
        if answer[0] != 3:
            raise RuntimeError(f"an event was refused: {answer}")
    async with asyncio.timeout(FOLD_TIME):
        while (found := await _transaction(citrine, name)).behind:
            await asyncio.sleep(0.5)
    if (found.energy_wh, found.missing_events) != (len(payloads) - 1, 0):
        raise RuntimeError(f"the transaction is not what its events say: {found}")
    return sum(cpu_by_role(sut.pids).values()) - before


async def _transaction(citrine: Citrine, name: str) -> Transaction:
    found: Transaction = await citrine.transactions.GetTransaction(GetTransactionRequest(transaction_id=name))
    return found


@contextlib.asynccontextmanager
async def _asking(websocket: RawStation, waits: list[float]) -> AsyncIterator[None]:
    async def ask() -> None:
        while True:
            began = time.perf_counter()
            await websocket.result("DataTransfer", {"vendorId": "example"})
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait([asking])


def _events(name: str, count: int) -> list[dict[str, Any]]:
    """Return the events of a transaction in their order, one Wh each ten seconds."""
    now = datetime.now(UTC)
    found = []
    for number in range(count):
        moment = (now - timedelta(seconds=10 * (count - number))).isoformat().replace("+00:00", "Z")
        kind = "Started" if number == 0 else "Ended" if number == count - 1 else "Updated"
        sampled = [{"value": float(number)}, {"value": 7200.0, "measurand": "Power.Active.Import"}]
        found.append(
            {
                "eventType": kind,
                "timestamp": moment,
                "triggerReason": "MeterValuePeriodic",
                "seqNo": number,
                "offline": True,
                "transactionInfo": {"transactionId": name},
                "evse": {"id": 1, "connectorId": 1},
                "meterValue": [{"timestamp": moment, "sampledValue": sampled}],
            }
        )
    return found
