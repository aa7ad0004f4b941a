"""Block L: firmware updates, and publishing as a local controller. Downloads are only simulated."""

import asyncio
import logging
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from citrine_simulator.answers.base import answers
from citrine_simulator.authorization import CallCsms
from citrine_simulator.clock import parse_time
from citrine_simulator.config import StationConfig
from citrine_simulator.connection import Answer
from citrine_simulator.errors import CallFailedError
from citrine_simulator.parts import Parts
from citrine_simulator.store import StationStore

__all__ = ["FirmwareAnswers", "installed_firmware", "last_status", "report_installed"]

logger = logging.getLogger(__name__)

STEP = 1.0
"""Seconds that each step of an update takes."""

NOWHERE = ".invalid"
"""Top-level domain (RFC 2606). Downloads from its hosts fail."""

LONGEST_VERSION = 50

_VERSION = re.compile(r"\d+(?:\.\d+)+")

_STATUS = "firmware_status"

_VERSION_INSTALLED = "firmware_version"


class FirmwareAnswers:
    """UpdateFirmware, PublishFirmware and UnpublishFirmware."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._update: asyncio.Event | None = None
        """Set to cancel the update in progress. None: there is none."""
        self._published: set[str] = set()

    @answers("UpdateFirmware")
    async def update_firmware(self, payload: dict[str, Any]) -> Answer:
        """Begin an update; this cancels an update in progress (L01, L01.FR.24)."""
        status = "Accepted"
        if self._update is not None:
            status = "AcceptedCanceled"
            self._update.set()
        self._update = asyncio.Event()
        return Answer({"status": status}, partial(self._run, self._update, payload))

    @answers("PublishFirmware")
    async def publish_firmware(self, payload: dict[str, Any]) -> Answer:
        """Publish firmware as a local controller does, but at the location where it came from (L03)."""
        return Answer({"status": "Accepted"}, partial(self._publish, payload))

    @answers("UnpublishFirmware")
    async def unpublish_firmware(self, payload: dict[str, Any]) -> Answer:
        """Unpublish firmware (L04)."""
        found = payload["checksum"].lower() in self._published
        self._published.discard(payload["checksum"].lower())
        return Answer({"status": "Unpublished" if found else "NoFirmware"})

    async def _run(self, replaced: asyncio.Event, payload: Mapping[str, Any]) -> None:
        done = False
        async with asyncio.TaskGroup() as tasks:
            update = tasks.create_task(self._install(payload["requestId"], payload["firmware"]))
            watch = tasks.create_task(replaced.wait())
            await asyncio.wait((update, watch), return_when=asyncio.FIRST_COMPLETED)
            done = update.done()
            update.cancel()
            watch.cancel()
        if done and self._update is replaced:
            self._update = None

    async def _install(self, request_id: int, firmware: Mapping[str, Any]) -> None:
        if parse_time(firmware["retrieveDateTime"]) > self._parts.now():
            # L01.FR.13
            await self._report(request_id, "DownloadScheduled")
            await self._until(firmware["retrieveDateTime"])
        await self._step(request_id, "Downloading")
        if (urlsplit(firmware["location"]).hostname or "").endswith(NOWHERE):
            await self._step(request_id, "DownloadFailed")
            return
        await self._step(request_id, "Downloaded")
        if "signature" in firmware:
            await self._step(request_id, "SignatureVerified")
        await self._wait_to_install(request_id, firmware.get("installDateTime"))
        await self._step(request_id, "Installing")
        await self._step(request_id, "InstallRebooting")
        self._parts.store.remember(_VERSION_INSTALLED, _version_of(firmware["location"]))
        self._parts.store.remember("firmware_update", request_id)
        self._parts.reboot("FirmwareUpdate")

    async def _wait_to_install(self, request_id: int, time: str | None) -> None:
        charging = self._parts.charging
        busy = any(evse.transaction is not None for evse in charging.evses.values())
        if busy or (time is not None and parse_time(time) > self._parts.now()):
            # L01.FR.16, L01.FR.34
            await self._report(request_id, "InstallScheduled")
        if time is not None:
            await self._until(time)
        while any(evse.transaction is not None for evse in charging.evses.values()):
            # L01.FR.06
            charging.ended.clear()
            await charging.ended.wait()

    async def _step(self, request_id: int, status: str) -> None:
        await self._parts.clock.sleep(STEP)
        await self._report(request_id, status)

    async def _report(self, request_id: int, status: str) -> None:
        reported = {"status": status, "requestId": request_id}
        self._parts.store.remember(_STATUS, reported)
        await self._parts.online.wait()
        try:
            await self._parts.call("FirmwareStatusNotification", reported)
        except CallFailedError as failed:
            # A status that can't be sent does not stop the update.
            logger.info("firmware status not sent", extra={"status": status, "problem": str(failed)})

    async def _until(self, time: str) -> None:
        seconds = (parse_time(time) - self._parts.now()).total_seconds()
        if seconds > 0:
            await self._parts.clock.sleep(seconds)

    async def _publish(self, payload: Mapping[str, Any]) -> None:
        nowhere = (urlsplit(payload["location"]).hostname or "").endswith(NOWHERE)
        done = ("DownloadFailed",) if nowhere else ("Downloaded", "ChecksumVerified", "Published")
        for status in ("Downloading", *done):
            await self._parts.clock.sleep(STEP)
            reported: dict[str, Any] = {"status": status, "requestId": payload["requestId"]}
            if status == "Published":
                # L03.FR.04
                reported["location"] = [payload["location"]]
                self._published.add(payload["checksum"].lower())
            await self._parts.call("PublishFirmwareStatusNotification", reported)


def installed_firmware(config: StationConfig, store: StationStore) -> StationConfig:
    """Return the configuration with the version of the last installed firmware."""
    version = store.recall(_VERSION_INSTALLED)
    return config if version is None else config.model_copy(update={"firmware_version": version})


def last_status(store: StationStore) -> dict[str, Any]:
    """Return the status to send on TriggerMessage: the last one, or Idle after Installed (L01.FR.25, L01.FR.26)."""
    reported: dict[str, Any] | None = store.recall(_STATUS)
    return {"status": "Idle"} if reported is None or reported["status"] == "Installed" else reported


async def report_installed(store: StationStore, call: CallCsms) -> None:
    """Send the status Installed after the reboot of an update (L01.FR.32). Without an update, do nothing."""
    request_id = store.recall("firmware_update")
    if request_id is None:
        return
    reported = {"status": "Installed", "requestId": request_id}
    await call("FirmwareStatusNotification", reported)
    store.remember(_STATUS, reported)
    store.remember("firmware_update", None)


def _version_of(location: str) -> str:
    """Return the version in the name of a file, or the name if it has none."""
    name = urlsplit(location).path.rpartition("/")[2]
    found = _VERSION.search(name)
    return (found.group() if found else name or "unknown")[:LONGEST_VERSION]
