"""The controller of a station for one power cycle: it assembles the parts and runs them."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from citrine_simulator.answers import Router, handlers2
from citrine_simulator.answers.base import Handler
from citrine_simulator.answers.firmware import installed_firmware, report_installed
from citrine_simulator.answers.router import Override
from citrine_simulator.authorization import Authorization
from citrine_simulator.backoff import BackoffLimits
from citrine_simulator.certificate_order import CertificateOrder
from citrine_simulator.charging import Charging
from citrine_simulator.clock import Clock, format_time, parse_time
from citrine_simulator.config import StationConfig
from citrine_simulator.connection import Answer, Target
from citrine_simulator.credentials import Credentials
from citrine_simulator.delivery import Delivery, DeliveryPolicy
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import CallFailedError
from citrine_simulator.evse import Connector
from citrine_simulator.journal import Journal
from citrine_simulator.link import Link
from citrine_simulator.messenger import Messenger
from citrine_simulator.monitors import Monitors
from citrine_simulator.network_profiles import NetworkProfiles
from citrine_simulator.own_certificate import OwnCertificate
from citrine_simulator.parts import Parts
from citrine_simulator.presence import Heartbeats, StatusReports
from citrine_simulator.registration import Registration
from citrine_simulator.schemas import Schemas
from citrine_simulator.store import StationStore
from citrine_simulator.tap import Tap
from citrine_simulator.v16 import (
    ConnectorNumbers,
    Messenger16,
    TransactionNumbers,
    connector_statuses,
    handlers16,
    key_variables,
)
from citrine_simulator.variables import station_variables

__all__ = ["Controller", "Surroundings"]

logger = logging.getLogger(__name__)

COMM = "OCPPCommCtrlr"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Dependencies of a station that outlive a power cycle or are shared with other stations."""

    store: StationStore
    journal: Journal
    schemas: Schemas
    clock: Clock
    random: random.Random
    new_id: Callable[[], str]
    new_transaction_id: Callable[[], str]
    emit: Callable[..., None]
    overrides: Mapping[str, Override]
    tap: Tap


class Controller:
    """One power cycle of a station. Longer-lived state is in the store."""

    def __init__(self, config: StationConfig, reason: str, around: Surroundings) -> None:
        """Prepare to boot with this reason (BootReasonEnumType).

        Raises:
            UsageError: When the configuration has unknown variables or invalid values.
        """
        self._config = installed_firmware(config, around.store)
        self._around = around
        self._offset = timedelta()
        self._tasks: asyncio.TaskGroup | None = None
        self._reboot: asyncio.Future[str] = asyncio.Future()
        self._numbers = TransactionNumbers(around.store)
        self.parts = self._assemble(reason)
        self._messenger = self._new_messenger()
        self._router = Router(self.parts, around.schemas, around.overrides, self._handlers())

    async def run(self) -> str:
        """Run until a reboot is requested; return its reason.

        On cancellation the connection is closed; queued messages stay queued.
        """
        parts = self.parts
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._resume_transactions()
                parts.charging.refresh()
                for part in (
                    parts.link,
                    parts.registration,
                    parts.delivery,
                    parts.statuses,
                    parts.heartbeats,
                    parts.monitors,
                ):
                    tasks.create_task(part.run(), name=f"{type(part).__name__} of {self._config.station_id}")
                try:
                    await self._reboot
                finally:
                    self._tasks = None
                # An exception makes the task group cancel its tasks.
                raise _PowerOffError
        except* _PowerOffError:
            pass
        # A task group that is ending already swallows a cancellation.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        return self._reboot.result()

    async def call(
        self, action: str, payload: Mapping[str, Any], message_id: str | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Send a CALL as it is; raises CallFailedError."""
        if timeout is None:
            timeout = self.parts.model.integer(f"{COMM}.MessageTimeout[Default]")
        return await self.parts.link.call(action, payload, message_id or self._around.new_id(), timeout)

    async def _say(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message of OCPP 2.x, in the version of the station; raises CallFailedError."""
        timeout = self.parts.model.integer(f"{COMM}.MessageTimeout[Default]")
        return await self._messenger.call(action, payload, self._around.new_id(), timeout)

    def reboot(self, reason: str) -> None:
        """Switch off now, then on again. Further calls before that have no effect."""
        if not self._reboot.done():
            self._reboot.set_result(reason)

    def now(self) -> datetime:
        """Return the time of day of the station's clock, as synchronized with the CSMS."""
        return self._around.clock.now() + self._offset

    def _new_messenger(self) -> Messenger:
        if self._config.version != "1.6":
            return self.parts.link
        return Messenger16(self.parts.link, ConnectorNumbers(self._config), self._numbers)

    def _handlers(self) -> Mapping[str, Handler]:
        if self._config.version != "1.6":
            return handlers2(self.parts)
        return handlers16(self.parts, self._numbers, self.call)

    def _assemble(self, reason: str) -> Parts:
        config, around = self._config, self._around
        model = self._device_model()
        credentials = Credentials(config.password, around.store)
        certificate = OwnCertificate(config.station_id, around.store)
        order = CertificateOrder(certificate, model, self._say, around.clock, self.now, around.emit)
        online = asyncio.Event()
        profiles = NetworkProfiles(config, around.store, model, credentials, certificate)
        link = self._link(model, profiles, certificate)
        delivery = self._delivery(model, online)
        charging = self._charging(model, delivery, online)
        statuses = self._statuses(charging, online)
        heartbeats = Heartbeats(model, link, self._say, online, self._synchronize, around.clock)

        def back_online(all_of_them: bool, booted: bool) -> None:
            statuses.back_online(all_of_them)
            if booted:
                self._spawn(report_installed(around.store, self._say))
                self._spawn(self._report_startup(reason))
            else:
                # B04: a heartbeat follows the statuses.
                self._spawn(heartbeats.beat())
            if config.order_url is not None and not certificate.is_there:
                self._spawn(order.place())

        registration = Registration(
            config, reason, model, link, self._say, online, self._synchronize, back_online, around.emit, around.clock
        )
        return Parts(
            config=config,
            clock=around.clock,
            now=self.now,
            store=around.store,
            model=model,
            credentials=credentials,
            certificate_order=order,
            network_profiles=profiles,
            online=online,
            link=link,
            call=self._say,
            delivery=delivery,
            charging=charging,
            registration=registration,
            authorization=Authorization(model, self._say, online, config.valid_tokens),
            statuses=statuses,
            heartbeats=heartbeats,
            monitors=Monitors(model, around.store, self._say, online, self.now),
            reboot=self.reboot,
        )

    def _statuses(self, charging: Charging, online: asyncio.Event) -> StatusReports:
        if self._config.version == "1.6":
            # 1.6 has a status for the station itself.
            station = Connector(0, 0)
            return StatusReports(
                lambda: connector_statuses(charging, station), self._say, online, self.now, self._around.emit
            )
        return StatusReports(lambda: charging.connectors, self._say, online, self.now, self._around.emit)

    def _device_model(self) -> DeviceModel:
        own = key_variables(self._config) if self._config.version == "1.6" else ()
        model = DeviceModel([*station_variables(self._config), *own])
        model.override(self._config.variables)
        model.restore(self._around.store.recall("variables") or {})
        return model

    def _link(self, model: DeviceModel, profiles: NetworkProfiles, certificate: OwnCertificate) -> Link:
        config, around = self._config, self._around

        def target() -> Target:
            way = profiles.next_way()
            files = (config.certificate_file, config.key_file)
            return Target(
                way.url,
                config.station_id,
                config.version,
                way.password,
                config.compression,
                model.integer(f"{COMM}.WebSocketPingInterval") or None,
                certificate.context(config.ca_file, files) if way.security_profile > 1 else None,
            )

        def limits() -> BackoffLimits:
            return BackoffLimits(
                model.integer(f"{COMM}.RetryBackOffWaitMinimum"),
                model.integer(f"{COMM}.RetryBackOffRandomRange"),
                model.integer(f"{COMM}.RetryBackOffRepeatTimes"),
            )

        return Link(
            target,
            limits,
            self._answer,
            around.emit,
            self._spawn,
            around.clock,
            around.random,
            around.schemas,
            profiles,
            around.tap,
        )

    def _delivery(self, model: DeviceModel, online: asyncio.Event) -> Delivery:
        config, around = self._config, self._around

        def policy() -> DeliveryPolicy:
            return DeliveryPolicy(
                model.integer(f"{COMM}.MessageAttempts[TransactionEvent]"),
                model.integer(f"{COMM}.MessageAttemptInterval[TransactionEvent]"),
                config.retry_message_id == "new",
                config.count_closed_socket,
            )

        async def send(
            action: str, payload: Mapping[str, Any], message_id: str, sent: Callable[[], None]
        ) -> dict[str, Any]:
            timeout = model.integer(f"{COMM}.MessageTimeout[Default]")
            return await self._messenger.call(action, payload, message_id, timeout, sent)

        def answered(event: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
            self.parts.charging.answered(event, answer)

        return Delivery(
            config.station_id,
            around.store,
            around.journal,
            policy,
            send,
            online,
            answered,
            around.emit,
            around.clock,
            around.new_id,
        )

    def _charging(self, model: DeviceModel, delivery: Delivery, online: asyncio.Event) -> Charging:
        around = self._around
        return Charging(
            self._config,
            model,
            around.store,
            delivery,
            around.clock,
            self.now,
            online,
            around.new_transaction_id,
            around.random,
            around.emit,
            self._spawn,
            lambda: self.parts.statuses.changed(),
            around.tap,
        )

    def _resume_transactions(self) -> None:
        """Resume, end or forget the transactions that were open at the power loss."""
        resume = self._around.store.recall("resume") or self._config.after_power_loss == "resume"
        self._around.store.remember("resume", False)
        for transaction in self.parts.charging.restore():
            if resume or self._config.after_power_loss != "forget":
                self.parts.charging.resume(transaction, go_on=bool(resume))

    def _synchronize(self, time: str) -> None:
        """Set the clock by the CSMS's time (B01.FR.06, G02.FR.06), unless set_clock is off."""
        if not self._config.set_clock:
            return
        try:
            self._offset = parse_time(time) - self._around.clock.now()
        except ValueError:
            logger.warning("currentTime of the CSMS is malformed", extra={"time": time})

    async def _answer(self, action: str, payload: dict[str, Any]) -> Answer:
        return await self._router.answer(action, payload)

    async def _report_startup(self, reason: str) -> None:
        """Report the start as a security event, in 1.6 (whitepaper, A04 and chapter 8)."""
        if self._config.version == "1.6":
            event = "StartupOfTheDevice" if reason == "PowerUp" else "ResetOrReboot"
            await self._say("SecurityEventNotification", {"type": event, "timestamp": format_time(self.now())})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._tasks is None:
            work.close()
            return
        self._tasks.create_task(_tolerant(work))


class _PowerOffError(Exception):
    """Ends the tasks of a power cycle."""


async def _tolerant(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except CallFailedError as failed:
        logger.info("not sent or not answered", extra={"problem": str(failed)})
