"""Delivery of transaction messages from a persistent queue: one at a time, in order, with the retries of E13."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from citrine_simulator.clock import Clock
from citrine_simulator.errors import (
    AnswerInvalidError,
    CallFailedError,
    CallInterruptedError,
    NotConnectedError,
)
from citrine_simulator.journal import Journal, Kind
from citrine_simulator.store import QueuedMessage, StationStore

__all__ = ["ACTION", "Delivery", "DeliveryPolicy", "SendEvent"]

logger = logging.getLogger(__name__)

ACTION = "TransactionEvent"
"""The transaction-related message of OCPP 2.x."""


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The limits of the retries of a message."""

    attempts: int
    """MessageAttempts: number of failures after which a message is discarded (E13.FR.04)."""
    interval: float
    """MessageAttemptInterval, in seconds. The wait is the interval times the previous attempts (E13.FR.03)."""
    new_message_id: bool
    """Whether each attempt has a new message id."""
    count_closed_socket: bool
    """Whether an attempt counts if the socket closed before the answer."""


class SendEvent(Protocol):
    """Sends a CALL; see :meth:`citrine_simulator.connection.Connection.call`."""

    async def __call__(
        self, action: str, payload: Mapping[str, Any], message_id: str, sent: Callable[[], None]
    ) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT."""
        ...


class Delivery:
    """Delivers the transaction messages of one station."""

    def __init__(
        self,
        station_id: str,
        store: StationStore,
        journal: Journal,
        policy: Callable[[], DeliveryPolicy],
        send: SendEvent,
        online: asyncio.Event,
        answered: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
        emit: Callable[..., None],
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._station_id = station_id
        self._store = store
        self._journal = journal
        self._policy = policy
        self._send = send
        self._online = online
        self._answered = answered
        self._emit = emit
        self._clock = clock
        self._new_id = new_id
        self._more = asyncio.Event()
        self._failed_at: float | None = None
        self.empty = asyncio.Event()
        """Set while nothing is queued."""
        if store.count() == 0:
            self.empty.set()

    def put(self, payload: dict[str, Any], memory: dict[str, Any]) -> None:
        """Store a TransactionEventRequest in the queue, atomically with the station's new state."""
        self._store.append(payload, memory)
        self._journal.write(Kind.QUEUED, self._station_id, payload)
        self.empty.clear()
        self._emit("queued", seq_no=payload["seqNo"], event_type=payload["eventType"])
        self._more.set()

    async def run(self) -> None:
        """Deliver until cancelled. Unanswered messages then stay queued."""
        while True:
            message = self._store.oldest()
            if message is None:
                self.empty.set()
                self._emit("queue_empty")
                self._more.clear()
                await self._more.wait()
                continue
            await self._wait_for_turn(message)
            await self._try(message)

    async def _wait_for_turn(self, message: QueuedMessage) -> None:
        if message.attempts and self._failed_at is not None:
            due = self._failed_at + self._policy().interval * message.attempts
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        await self._online.wait()

    async def _try(self, message: QueuedMessage) -> None:
        policy = self._policy()
        attempt = message.attempts + 1
        message_id = message.message_id
        if message_id is None or policy.new_message_id:
            message_id = self._new_id()
        event = message.payload

        def sent() -> None:
            self._journal.write(Kind.SENT, self._station_id, event, messageId=message_id, attempt=attempt)

        try:
            answer = await self._send(ACTION, event, message_id, sent)
        except NotConnectedError:
            # Nothing was sent, so the attempt does not count. `run` of the connection detects the closed socket next.
            await asyncio.sleep(0)
        except AnswerInvalidError as invalid:
            # The CSMS has processed the message: resending it would double it.
            logger.warning("transaction message answered invalidly", extra={"problem": str(invalid)})
            self._done(message, {})
        except CallFailedError as failed:
            self._failed(message, failed, message_id, policy)
        else:
            self._done(message, answer)

    def _done(self, message: QueuedMessage, answer: Mapping[str, Any]) -> None:
        # In 1.6, the CSMS names the transaction.
        number = {key: answer[key] for key in ("transactionNumber",) if key in answer}
        self._journal.write(Kind.ACKNOWLEDGED, self._station_id, message.payload, **number)
        self._store.remove(message.number)
        self._failed_at = None
        self._answered(message.payload, answer)

    def _failed(self, message: QueuedMessage, failed: CallFailedError, message_id: str, policy: DeliveryPolicy) -> None:
        event = message.payload
        counts = policy.count_closed_socket or not isinstance(failed, CallInterruptedError)
        attempts = message.attempts + counts
        self._journal.write(Kind.FAILED, self._station_id, event, problem=str(failed), attempt=attempts)
        if attempts >= policy.attempts:
            self._store.remove(message.number)
            self._failed_at = None
            self._journal.write(Kind.GIVEN_UP, self._station_id, event)
            self._emit("given_up", seq_no=event["seqNo"], transaction_id=event["transactionInfo"]["transactionId"])
            return
        self._store.record_attempt(message.number, attempts, message_id)
        self._failed_at = self._clock.monotonic()
        self._emit("delivery_failed", problem=str(failed), attempt=attempts)
