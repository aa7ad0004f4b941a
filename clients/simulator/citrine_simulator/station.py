"""A simulated station, for tests and scenarios."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from citrine_simulator import messages
from citrine_simulator.answers.router import Override
from citrine_simulator.clock import Clock, SystemClock
from citrine_simulator.config import StationConfig
from citrine_simulator.controller import Controller, Surroundings
from citrine_simulator.errors import SimulatorError, UsageError
from citrine_simulator.events import Event, Events, Listener
from citrine_simulator.evse import Transaction
from citrine_simulator.ids import new_id
from citrine_simulator.journal import Journal
from citrine_simulator.parts import Parts
from citrine_simulator.schemas import Schemas
from citrine_simulator.store import Store
from citrine_simulator.tap import Tap

__all__ = ["Station", "Token"]

EVENT_TIMEOUT = 30.0
"""Default timeout of :meth:`Station.wait_for`, in seconds."""

Token = str | Mapping[str, Any]
"""An IdToken, or the text of an IdToken of type ISO14443."""


class Station:
    """A complete station: it queues and resends messages, checks schemas, and survives power losses.

    Between :meth:`start` and :meth:`stop` it connects, boots, delivers and answers by itself. The other methods
    simulate people, EVs and faults. Methods for transactions return when the message is stored in the queue. It stays
    there until the CSMS has answered it, or it is given up.
    """

    def __init__(
        self,
        config: StationConfig,
        *,
        store: Store | None = None,
        journal: Journal | None = None,
        schemas: Schemas | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        ids: Callable[[], str] = new_id,
        transaction_ids: Callable[[], str] | None = None,
        listener: Listener | None = None,
        tap: Tap | None = None,
    ) -> None:
        """Build a station that is switched off.

        Args:
            config: Its configuration.
            store: Storage that survives power losses; by default its own, in memory.
            journal: Receives the fate of every transaction message; by default none.
            schemas: Schemas to share between stations, so that they are compiled once.
            clock: Its clock; by default the system's.
            rng: Random generator, e.g. for jitter.
            ids: Generates message ids.
            transaction_ids: Generates transaction ids; by default ``ids`` does.
            listener: Called with every event.
            tap: Hooks into sent and received messages; by default none.
        """
        self.config = config
        self._store = store
        self._own_store = Store() if store is None else None
        self._journal = journal or Journal()
        self._schemas = schemas or Schemas(config.version)
        self._clock = clock or SystemClock()
        self._random = rng or random.Random()
        self._ids = ids
        self._transaction_ids = transaction_ids or ids
        self._tap = tap or Tap()
        self._events = Events(config.station_id, self._clock.now, listener)
        self._overrides: dict[str, Override] = {}
        self._main: asyncio.Task[None] | None = None
        self._controller: Controller | None = None

    @property
    def parts(self) -> Parts:
        """The parts of the station; raises UsageError while it is switched off."""
        return self._on().parts

    @property
    def queued(self) -> int:
        """Number of queued transaction messages."""
        return self.parts.store.count()

    async def start(self) -> None:
        """Switch on and restore the stored state. Does not wait for a connection, see :meth:`wait_for`."""
        if self._main is not None:
            raise UsageError(f"{self.config.station_id} is switched on already")
        controller = self._new_controller("PowerUp")
        self._main = asyncio.create_task(self._run(controller), name=f"station {self.config.station_id}")
        # This runs the first step of the task, which restores the transactions.
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Switch off and close the connection. Raises the error of a station that has failed.

        A station with a store of the caller can be started again.
        """
        main, self._main = self._main, None
        if main is not None:
            main.cancel()
            with suppress(asyncio.CancelledError):
                await main
        if self._own_store is not None:
            self._own_store.close()

    async def boot(self, reason: str = "PowerUp") -> None:
        """Switch off and on again. For open transactions this is a power loss."""
        self._on().reboot(reason)

    async def disconnect(self) -> None:
        """Go offline until :meth:`reconnect`."""
        await self.parts.link.go_offline()

    async def reconnect(self) -> None:
        """Reconnect without back-off."""
        self.parts.link.go_online()

    def drop(self) -> None:
        """Abort the connection. The station reconnects after its back-off."""
        self.parts.link.drop()

    async def plug_in(self, evse_id: int = 1, connector_id: int = 1) -> str | None:
        """Plug in an EV; return the id of the EVSE's transaction, or None."""
        self.parts.charging.plug_in(evse_id, connector_id)
        transaction = self.parts.charging.evse(evse_id).transaction
        return None if transaction is None else transaction.transaction_id

    async def unplug(self, evse_id: int = 1, connector_id: int = 1) -> None:
        """Unplug the EV. This ends its transaction if it is open."""
        self.parts.charging.unplug(evse_id, connector_id)

    async def authorize(self, token: Token) -> dict[str, Any]:
        """Present a token; return its idTokenInfo (C01). While offline, the station decides."""
        return await self.parts.authorization.authorize(_id_token(token))

    async def start_transaction(self, evse_id: int = 1, token: Token = "C0FFEE01") -> str:
        """Start charging with an accepted token; return the transaction's id.

        Raises:
            UsageError: When the EVSE is not free.
        """
        return self.parts.charging.authorize(evse_id, _id_token(token)).transaction_id

    async def meter(self, transaction_id: str) -> None:
        """Send the current meter values in a TransactionEvent Updated."""
        self.parts.charging.meter(self._transaction(transaction_id))

    async def stop_transaction(self, transaction_id: str, reason: str = "Local", token: Token | None = None) -> None:
        """End a transaction."""
        trigger = "StopAuthorized" if reason == "Local" else "AbnormalCondition"
        by = None if token is None else _id_token(token)
        self.parts.charging.stop(self._transaction(transaction_id), trigger, reason, by)

    async def status(self, evse_id: int, connector_id: int, status: str | None) -> None:
        """Force the status of a connector to Faulted or Reserved; None ends that."""
        self.parts.charging.evse(evse_id).connectors[connector_id].forced = status
        self.parts.charging.refresh()

    async def call(
        self, action: str, payload: Mapping[str, Any], message_id: str | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT. It is neither queued nor resent.

        Raises:
            CallFailedError: When there is no valid CALLRESULT; the subclass tells the cause.
        """
        return await self._on().call(action, payload, message_id, timeout)

    async def send_raw(self, text: str) -> None:
        """Send any text, without checks."""
        await self.parts.link.send_raw(text)

    def on_call(self, action: str, handler: Override | None) -> None:
        """Override the handler of an action of the CSMS; None restores the default.

        The handler gets the payload of the CALL. It returns the payload of the answer or NO_ANSWER, or raises
        CallRefusedError.
        """
        if handler is None:
            self._overrides.pop(action, None)
        else:
            self._overrides[action] = handler

    async def wait_for(self, name: str, timeout: float = EVENT_TIMEOUT) -> Event:
        """Wait for the next event with this name, or return the last one at once if its state still lasts.

        These events begin states: connected and disconnected; accepted, pending and rejected; queued and queue_empty.

        Raises:
            TimeoutError: When the event does not happen within ``timeout`` seconds.
            SimulatorError: When the station has failed or was switched off.
        """
        holds = self._events.holds(name)
        if holds is not None:
            return holds
        return await self.expect(name, timeout)

    def expect(self, name: str, timeout: float = EVENT_TIMEOUT) -> Awaitable[Event]:
        """Return an awaitable of the next event with this name after this call; see :meth:`wait_for`."""
        return self._wait(self._events.expect(name), name, timeout)

    async def _wait(self, future: asyncio.Future[Event], name: str, timeout: float) -> Event:
        main = self._main
        try:
            if main is None:
                raise UsageError(f"{self.config.station_id} is switched off")
            waiting: set[asyncio.Future[Any]] = {future, main}
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if main.cancelled():
                raise SimulatorError(f"{self.config.station_id} was switched off")
            if main.done():
                raise SimulatorError(f"{self.config.station_id} has failed") from main.exception()
            raise TimeoutError(f"{self.config.station_id}: no {name} within {timeout} s")
        finally:
            future.cancel()

    async def _run(self, controller: Controller) -> None:
        self._controller = controller
        while True:
            reason = await controller.run()
            self._controller = None
            self._events.emit("rebooting", reason=reason)
            await self._clock.sleep(self.config.reboot_duration)
            controller = self._controller = self._new_controller(reason)

    def _new_controller(self, reason: str) -> Controller:
        store = self._store or self._own_store
        if store is None:
            raise UsageError(f"{self.config.station_id} has no store")
        return Controller(
            self.config,
            reason,
            Surroundings(
                store.station(self.config.station_id),
                self._journal,
                self._schemas,
                self._clock,
                self._random,
                self._ids,
                self._transaction_ids,
                self._events.emit,
                self._overrides,
                self._tap,
            ),
        )

    def _on(self) -> Controller:
        if self._controller is None or self._main is None:
            raise UsageError(f"{self.config.station_id} is switched off")
        return self._controller

    def _transaction(self, transaction_id: str) -> Transaction:
        transaction = self.parts.charging.find(transaction_id)
        if transaction is None:
            raise UsageError(f"{self.config.station_id} has no open transaction {transaction_id}")
        return transaction


def _id_token(token: Token) -> Mapping[str, Any]:
    return messages.id_token(token) if isinstance(token, str) else token
