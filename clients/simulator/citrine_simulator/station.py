"""A simulated station, as tests and scenarios drive it."""

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
"""Seconds that :meth:`Station.wait_for` waits where nothing else is said."""

Token = str | Mapping[str, Any]
"""An IdToken, or the token alone where it is of type ISO14443."""


class Station:
    """A careful station.

    Between :meth:`start` and :meth:`stop` it connects, boots, delivers and answers by itself. The other
    methods are what people and EVs do to it. They return when the station has done it, which for
    transactions means: the message is in the queue, and stays there until the CSMS has answered it.
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
            config: Who it is and what it has.
            store: What survives a loss of power; memory of its own by default.
            journal: Where the fate of every transaction message is written; nowhere by default.
            schemas: Shared between stations to compile them once.
            clock: The time; the system's by default.
            rng: Source of jitter.
            ids: Makes message ids, and transaction ids where nothing else does.
            transaction_ids: Makes transaction ids.
            listener: Called with every event.
            tap: Watches what is sent and received, and may come between; nobody by default.
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
        """What the station consists of while it is switched on; raises UsageError otherwise."""
        return self._on().parts

    @property
    def queued(self) -> int:
        """How many transaction messages wait for their answer."""
        return self.parts.store.count()

    async def start(self) -> None:
        """Switch on, and take up what was stored; does not wait for a connection, see :meth:`wait_for`."""
        if self._main is not None:
            raise UsageError(f"{self.config.station_id} is switched on already")
        controller = self._new_controller("PowerUp")
        self._main = asyncio.create_task(self._run(controller), name=f"station {self.config.station_id}")
        # The first step of the task: nobody sees the station before its transactions are there again.
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Switch off and close the connection; raises what has made the station fail, if anything has.

        A station that was given a store can be started again.
        """
        main, self._main = self._main, None
        if main is not None:
            main.cancel()
            with suppress(asyncio.CancelledError):
                await main
        if self._own_store is not None:
            self._own_store.close()

    async def boot(self, reason: str = "PowerUp") -> None:
        """Switch off and on again; transactions that are open suffer a loss of power."""
        self._on().reboot(reason)

    async def disconnect(self) -> None:
        """Go offline, and stay so until :meth:`reconnect`."""
        await self.parts.link.go_offline()

    async def reconnect(self) -> None:
        """Connect again without waiting for any back-off."""
        self.parts.link.go_online()

    def drop(self) -> None:
        """Lose the connection abruptly; the station notices and connects again after its back-off."""
        self.parts.link.drop()

    async def plug_in(self, evse_id: int = 1, connector_id: int = 1) -> str | None:
        """Plug an EV in; return the id of the transaction of the EVSE, if there is one."""
        self.parts.charging.plug_in(evse_id, connector_id)
        transaction = self.parts.charging.evse(evse_id).transaction
        return None if transaction is None else transaction.transaction_id

    async def unplug(self, evse_id: int = 1, connector_id: int = 1) -> None:
        """Take the EV away; its transaction ends if it is still open."""
        self.parts.charging.unplug(evse_id, connector_id)

    async def authorize(self, token: Token) -> dict[str, Any]:
        """Present a token; return its idTokenInfo (C01), decided locally while offline."""
        return await self.parts.authorization.authorize(_id_token(token))

    async def start_transaction(self, evse_id: int = 1, token: Token = "C0FFEE01") -> str:
        """Let a token charge that was found good; return the transaction's id.

        Raises:
            UsageError: When the EVSE takes no transaction.
        """
        return self.parts.charging.authorize(evse_id, _id_token(token)).transaction_id

    async def meter(self, transaction_id: str) -> None:
        """Send what the meter reads now."""
        self.parts.charging.meter(self._transaction(transaction_id))

    async def stop_transaction(self, transaction_id: str, reason: str = "Local", token: Token | None = None) -> None:
        """End a transaction."""
        trigger = "StopAuthorized" if reason == "Local" else "AbnormalCondition"
        by = None if token is None else _id_token(token)
        self.parts.charging.stop(self._transaction(transaction_id), trigger, reason, by)

    async def status(self, evse_id: int, connector_id: int, status: str | None) -> None:
        """Force a connector to be Faulted or Reserved, or to none of these (None)."""
        self.parts.charging.evse(evse_id).connectors[connector_id].forced = status
        self.parts.charging.refresh()

    async def call(
        self, action: str, payload: Mapping[str, Any], message_id: str | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Send any CALL and return the payload of its CALLRESULT; nothing is queued or repeated.

        Raises:
            CallFailedError: When there is no good answer; its subclasses say why.
        """
        return await self._on().call(action, payload, message_id, timeout)

    async def send_raw(self, text: str) -> None:
        """Send any text, right or wrong."""
        await self.parts.link.send_raw(text)

    def on_call(self, action: str, handler: Override | None) -> None:
        """Answer this action of the CSMS by a handler instead; None: as usual again.

        The handler takes the payload, and returns the payload of the answer or NO_ANSWER, or raises
        CallRefusedError.
        """
        if handler is None:
            self._overrides.pop(action, None)
        else:
            self._overrides[action] = handler

    async def wait_for(self, name: str, timeout: float = EVENT_TIMEOUT) -> Event:
        """Wait for the next event of this name, or return at once if it began the state that holds.

        States are begun by connected and disconnected; accepted, pending and rejected; queued and queue_empty.

        Raises:
            TimeoutError: When it does not happen in so many seconds.
            SimulatorError: When the station has failed.
        """
        holds = self._events.holds(name)
        if holds is not None:
            return holds
        return await self.expect(name, timeout)

    def expect(self, name: str, timeout: float = EVENT_TIMEOUT) -> Awaitable[Event]:
        """Return what waits for the next event of this name, from now on; see :meth:`wait_for`."""
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
