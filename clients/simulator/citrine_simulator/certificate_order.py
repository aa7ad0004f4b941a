"""The order of a station's certificate: SignCertificate until CertificateSigned comes (A02, A03)."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from citrine_simulator.authorization import CallCsms
from citrine_simulator.clock import Clock, sleep_or
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import CallFailedError
from citrine_simulator.own_certificate import InvalidChain, OwnCertificate

__all__ = ["CertificateOrder"]

logger = logging.getLogger(__name__)

SECURITY = "SecurityCtrlr"


class CertificateOrder:
    """Orders the certificate of the station, repeats the order while none comes, and takes in what comes.

    Args:
        certificate: The station's own certificate.
        model: Device model: name of the operator, and how often an order is repeated.
        call: Sends a CALL.
        clock: For the time until an order is repeated.
        now: Returns the time of the station's clock.
        emit: Publishes events.
    """

    def __init__(
        self,
        certificate: OwnCertificate,
        model: DeviceModel,
        call: CallCsms,
        clock: Clock,
        now: Callable[[], datetime],
        emit: Callable[..., None],
    ) -> None:
        self.certificate = certificate
        self._model = model
        self._call = call
        self._clock = clock
        self._now = now
        self._emit = emit
        self._came = asyncio.Event()
        self._is_open = False

    async def place(self, *, with_new_key: bool = False) -> None:
        """Order a certificate, unless an order is under way. Returns when it came, or nothing more is done for it.

        Args:
            with_new_key: Whether an open request is discarded (A02.FR.02).
        """
        if self._is_open:
            return
        self._is_open = True
        if with_new_key:
            self.certificate.discard_request()
        try:
            await self._order()
        finally:
            self._is_open = False

    def receive(self, chain: str) -> str | None:
        """Take in a certificate; return None, or why the station can't use it (A02.FR.06)."""
        try:
            self.certificate.install(chain, self._now())
        except InvalidChain as problem:
            self._emit("certificate_refused", problem=str(problem))
            return str(problem)
        self._came.set()
        self._emit("certificate_installed")
        return None

    async def _order(self) -> None:
        self._came.clear()
        wait = self._model.integer(f"{SECURITY}.CertSigningWaitMinimum")
        # A02.FR.17, A02.FR.18, A02.FR.19
        for attempt in range(1 + self._model.integer(f"{SECURITY}.CertSigningRepeatTimes")):
            if not await self._ask() or await sleep_or(self._clock, wait * 2**attempt, self._came):
                return
        logger.warning("no certificate came for the station's order")

    async def _ask(self) -> bool:
        """Send the request; return False if the CSMS rejects it."""
        csr = self.certificate.request(self._model.text(f"{SECURITY}.OrganizationName"))
        payload: dict[str, Any] = {"csr": csr, "certificateType": "ChargingStationCertificate"}
        try:
            answer = await self._call("SignCertificate", payload)
        except CallFailedError as failed:
            logger.info("certificate not ordered", extra={"problem": str(failed)})
            return True
        if answer["status"] == "Accepted":
            self._emit("certificate_ordered")
            return True
        info = answer.get("statusInfo", {})
        self._emit("certificate_order_rejected", problem=info.get("additionalInfo") or info.get("reasonCode", ""))
        self.certificate.discard_request()
        return False
