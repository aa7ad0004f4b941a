"""Routes CALLs of the CSMS to their handlers, or answers with a CALLERROR."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from citrine_simulator.answers.availability import AvailabilityAnswers
from citrine_simulator.answers.base import Handler, collect
from citrine_simulator.answers.certificates import CertificateAnswers
from citrine_simulator.answers.diagnostics import DiagnosticsAnswers
from citrine_simulator.answers.displays import DisplayAnswers
from citrine_simulator.answers.firmware import FirmwareAnswers
from citrine_simulator.answers.local_auth_list import LocalAuthListAnswers
from citrine_simulator.answers.provisioning import ProvisioningAnswers
from citrine_simulator.answers.remote_control import RemoteControlAnswers
from citrine_simulator.answers.reservations import ReservationAnswers
from citrine_simulator.answers.reset import ResetAnswers
from citrine_simulator.answers.smart_charging import SmartChargingAnswers
from citrine_simulator.answers.vendor import VendorAnswers
from citrine_simulator.connection import Answer
from citrine_simulator.errors import CallRefusedError
from citrine_simulator.parts import Parts
from citrine_simulator.registration import Status
from citrine_simulator.schemas import Schemas

__all__ = ["Override", "Router", "handlers2"]

logger = logging.getLogger(__name__)

Override = Callable[[dict[str, Any]], Awaitable[Answer | Mapping[str, Any]]]
"""Answers a CALL in place of the station: returns a payload, an Answer or NO_ANSWER, or raises CallRefusedError."""


def handlers2(parts: Parts) -> Mapping[str, Handler]:
    """Return the handlers of OCPP 2.x by action."""
    smart_charging = SmartChargingAnswers(parts)
    return collect(
        ProvisioningAnswers(parts),
        ResetAnswers(parts),
        LocalAuthListAnswers(parts),
        RemoteControlAnswers(parts, smart_charging.install),
        AvailabilityAnswers(parts),
        ReservationAnswers(parts),
        DisplayAnswers(parts),
        FirmwareAnswers(parts),
        smart_charging,
        CertificateAnswers(parts),
        DiagnosticsAnswers(parts),
        VendorAnswers(parts),
    )


class Router:
    """Answers the CALLs to one station during one power cycle."""

    def __init__(
        self,
        parts: Parts,
        schemas: Schemas,
        overrides: Mapping[str, Override],
        handlers: Mapping[str, Handler],
    ) -> None:
        self._parts = parts
        self._schemas = schemas
        self._overrides = overrides
        self._handlers = handlers

    async def answer(self, action: str, payload: dict[str, Any]) -> Answer:
        """Return the answer to a CALL.

        Raises:
            CallRefusedError: When the answer is a CALLERROR.
        """
        if self._parts.registration.status is Status.REJECTED:
            # B03.FR.08
            raise CallRefusedError("SecurityError", "the station was rejected")
        if action not in self._schemas.actions:
            raise CallRefusedError("NotImplemented", f"{action} is not known")
        self._check(action, payload)
        if action in self._overrides:
            answer = await self._overrides[action](payload)
            return answer if isinstance(answer, Answer) else Answer(answer)
        handler = self._handlers.get(action)
        if handler is None:
            raise CallRefusedError("NotSupported", f"{action} is not supported")
        return await self._handle(action, handler, payload)

    def _check(self, action: str, payload: dict[str, Any]) -> None:
        if self._parts.config.check_schemas:
            problem = self._schemas.check_request(action, payload)
            if problem is not None:
                raise CallRefusedError(problem.code, str(problem))

    async def _handle(self, action: str, handler: Handler, payload: dict[str, Any]) -> Answer:
        try:
            return await handler(payload)
        except (KeyError, TypeError, ValueError) as broken:
            # This only happens if check_schemas is off.
            logger.warning("malformed payload", extra={"action": action, "problem": repr(broken)})
            raise CallRefusedError("FormatViolation", "the payload is malformed") from broken
