"""Status reports of connectors (G01) and heartbeats (G02)."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from citrine_simulator import messages
from citrine_simulator.authorization import CallCsms
from citrine_simulator.clock import Clock, sleep_or
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import CallFailedError
from citrine_simulator.evse import Connector
from citrine_simulator.link import Link

__all__ = ["Heartbeats", "StatusReports"]

logger = logging.getLogger(__name__)

INTERVAL = "OCPPCommCtrlr.HeartbeatInterval"

LONGEST_SILENCE = 24 * 3600.0
"""Seconds after which a heartbeat is sent to synchronize the clock (G02.FR.07)."""


class StatusReports:
    """Sends a StatusNotification for each connector whose current status the CSMS has not confirmed.

    Status changes are not queued while offline: the current status is sent when the station is online again.
    """

    def __init__(
        self,
        connectors: Callable[[], Iterable[tuple[Connector, str]]],
        call: CallCsms,
        online: asyncio.Event,
        now: Callable[[], datetime],
        emit: Callable[..., None],
    ) -> None:
        self._connectors = connectors
        self._call = call
        self._online = online
        self._now = now
        self._emit = emit
        self._changed = asyncio.Event()

    def current(self) -> Iterable[tuple[Connector, str]]:
        """Return all connectors, each with its status now."""
        return self._connectors()

    def changed(self) -> None:
        """Wake `run`, because a status may have changed."""
        self._changed.set()

    def back_online(self, all_of_them: bool) -> None:
        """Report the statuses that changed while offline, or all of them."""
        if all_of_them:
            for connector, _ in self._connectors():
                connector.reported = None
        self._changed.set()

    async def run(self) -> None:
        """Report changed statuses until cancelled."""
        while True:
            await self._changed.wait()
            await self._online.wait()
            self._changed.clear()
            try:
                for connector, status in self._connectors():
                    if connector.reported != status:
                        await self.report(connector, status)
            except CallFailedError as failed:
                # The next change, or the next time online, retries it.
                logger.info("status not reported", extra={"problem": str(failed)})

    async def report(self, connector: Connector, status: str) -> None:
        """Send the status of one connector.

        Raises:
            CallFailedError: When the CSMS does not confirm it.
        """
        await self._call("StatusNotification", messages.status_notification(connector, status, self._now()))
        connector.reported = status
        self._emit("status", evse_id=connector.evse_id, connector_id=connector.connector_id, status=status)


class Heartbeats:
    """Sends a Heartbeat after an interval without other messages (G02)."""

    def __init__(
        self,
        model: DeviceModel,
        link: Link,
        call: CallCsms,
        online: asyncio.Event,
        synchronize: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._model = model
        self._link = link
        self._call = call
        self._online = online
        self._synchronize = synchronize
        self._clock = clock
        self._changed = asyncio.Event()
        model.on_change(INTERVAL, lambda _: self._changed.set())

    async def run(self) -> None:
        """Send heartbeats until cancelled."""
        last = self._clock.monotonic()
        while True:
            await self._online.wait()
            interval = self._model.integer(INTERVAL)
            # G02.FR.05: any other message postpones the next heartbeat.
            due = min(self._link.last_sent + interval, last + LONGEST_SILENCE)
            if due > self._clock.monotonic():
                self._changed.clear()
                await sleep_or(self._clock, due - self._clock.monotonic(), self._changed)
                continue
            last = self._clock.monotonic()
            try:
                await self.beat()
            except CallFailedError as failed:
                logger.info("heartbeat failed", extra={"problem": str(failed)})
                await self._clock.sleep(interval)

    async def beat(self) -> None:
        """Send one heartbeat and set the clock by its answer (G02.FR.06).

        Raises:
            CallFailedError: When there is no valid CALLRESULT.
        """
        answer = await self._call("Heartbeat", {})
        self._synchronize(answer["currentTime"])
