"""Registration of the station with the CSMS: boot, pending, accepted, rejected (B01 to B04)."""

import asyncio
import enum
import logging
from collections.abc import Callable
from typing import Any

from citrine_simulator import messages
from citrine_simulator.authorization import CallCsms
from citrine_simulator.clock import Clock, sleep_or
from citrine_simulator.config import StationConfig
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import CallFailedError, NotConnectedError
from citrine_simulator.link import Link

__all__ = ["Registration", "Status"]

logger = logging.getLogger(__name__)


class Status(enum.StrEnum):
    """RegistrationStatusEnumType, with the values of OCPP."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Registration:
    """The registration of a station during one power cycle."""

    def __init__(
        self,
        config: StationConfig,
        reason: str,
        model: DeviceModel,
        link: Link,
        call: CallCsms,
        online: asyncio.Event,
        synchronize: Callable[[str], None],
        back_online: Callable[[bool, bool], None],
        emit: Callable[..., None],
        clock: Clock,
    ) -> None:
        """Prepare to boot with this reason.

        ``online`` is set while connected and accepted. ``synchronize`` is called with the currentTime of the CSMS.
        ``back_online`` is called each time the station is online, with two flags: whether all statuses must be
        reported, and whether the station has booted.
        """
        self._config = config
        self._reason = reason
        self._model = model
        self._link = link
        self._call = call
        self._online = online
        self._synchronize = synchronize
        self._back_online = back_online
        self._emit = emit
        self._clock = clock
        self.status: Status | None = None if config.boot_on_start else Status.ACCEPTED
        self.triggered = asyncio.Event()
        """Set to send a BootNotification at once, after a TriggerMessage."""

    async def run(self) -> None:
        """Boot if needed on each connection, until cancelled."""
        boots = self.status is not Status.ACCEPTED
        while True:
            await self._link.connected.wait()
            offline = self._clock.monotonic() - self._link.offline_since
            if boots:
                await self._boot()
            else:
                self._emit("accepted")
            if self._link.connected.is_set():
                self._online.set()
                # B01.FR.05, B04.FR.01, B04.FR.02
                threshold = self._model.integer("OCPPCommCtrlr.OfflineThreshold")
                self._back_online(boots or offline > threshold, boots)
                await self._link.disconnected.wait()
                self._online.clear()
            boots = self._config.boot_on_reconnect

    async def _boot(self) -> None:
        """Send BootNotification until the station is accepted."""
        if self.status is Status.ACCEPTED:
            self.status = None
        while True:
            self.triggered.clear()
            try:
                answer = await self._call("BootNotification", messages.boot_notification(self._config, self._reason))
            except NotConnectedError:
                await self._link.connected.wait()
                continue
            except CallFailedError as failed:
                logger.info("boot failed", extra={"problem": str(failed)})
                self._emit("boot_failed", problem=str(failed))
                await self._wait(self._config.boot_retry_interval)
                continue
            if self._apply(answer) is Status.ACCEPTED:
                return
            # B02.FR.07 and B02.FR.08, B03.FR.05 and B03.FR.06
            await self._wait(answer["interval"] if answer["interval"] > 0 else self._config.boot_retry_interval)

    def _apply(self, answer: dict[str, Any]) -> Status:
        status = self.status = Status(answer["status"])
        # B01.FR.06
        self._synchronize(answer["currentTime"])
        if status is Status.ACCEPTED and answer["interval"] > 0:
            # B01.FR.04
            self._model.assign("OCPPCommCtrlr.HeartbeatInterval", str(answer["interval"]))
        self._emit(status.lower(), interval=answer["interval"])
        return status

    async def _wait(self, seconds: float) -> None:
        if await sleep_or(self._clock, seconds, self.triggered):
            self._reason = "Triggered"
        await self._link.connected.wait()
