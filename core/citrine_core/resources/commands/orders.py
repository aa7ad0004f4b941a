"""Requests for commands, checked before anything is stored."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1 import common_pb2 as common
from citrine_core.clock import Clock
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import Caller
from citrine_core.traces import current_trace

__all__ = ["Order", "Orders"]

LONGEST_TIMEOUT = 600.0
"""Longest timeout that a caller may set, in seconds."""

LONGEST_REASON = 255
"""Longest reason, in characters."""

WAITING_TIME = timedelta(hours=24)
"""How long a command waits for an offline station by default."""

DEADLINE_MARGIN = 0.1
"""Part of a call's deadline, in seconds, that is reserved for our own answer."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request for a command, checked."""

    tenant_id: str
    station_id: str
    action: str
    payload: dict[str, Any]
    """In OCPP spelling, passwords in clear."""
    is_native: bool
    requested_by: str
    reason: str
    timeout: float
    """Seconds."""
    when_online: bool
    expire_time: datetime | None
    payload_field: str = "request"
    traceparent: str = ""
    """Trace of the caller. Empty: none."""


class Orders:
    """Checks requests for commands.

    Args:
        clock: Returns the time now.
        default_timeout: Timeout if the caller sets none.
    """

    def __init__(self, clock: Clock, default_timeout: timedelta) -> None:
        self._clock = clock
        self._default_timeout = default_timeout.total_seconds()

    def check(
        self,
        who: Caller,
        target: common.CommandTarget,
        action: str,
        payload: dict[str, Any],
        payload_field: str,
        time_left: float | None,
    ) -> Order:
        """Return the checked order.

        Args:
            who: The caller.
            target: The station, and options.
            action: OCPP action.
            payload: In OCPP spelling.
            payload_field: Field of the caller's request with the payload.
            time_left: Seconds until the caller's deadline. None: there is none.

        Raises:
            InvalidArgument: When the target is invalid.
        """
        if not target.station_id:
            raise InvalidArgument("target.station_id", "must not be empty")
        if len(target.reason) > LONGEST_REASON:
            raise InvalidArgument("target.reason", f"must have at most {LONGEST_REASON} characters")
        return Order(
            tenant_id=who.tenant_id,
            station_id=target.station_id,
            action=action,
            payload=payload,
            is_native=False,
            requested_by=who.name[:255],
            reason=target.reason,
            timeout=self._timeout(target, time_left),
            when_online=target.when_online,
            expire_time=self._expire_time(target),
            payload_field=payload_field,
            traceparent=current_trace(),
        )

    def _expire_time(self, target: common.CommandTarget) -> datetime | None:
        if not target.HasField("expire_time"):
            return self._clock() + WAITING_TIME if target.when_online else None
        if not target.when_online:
            raise InvalidArgument("target.expire_time", "is only for commands with when_online")
        expire_time = target.expire_time.ToDatetime(UTC)
        if expire_time <= self._clock():
            raise InvalidArgument("target.expire_time", "must be in the future")
        return expire_time

    def _timeout(self, target: common.CommandTarget, time_left: float | None) -> float:
        if target.HasField("timeout"):
            seconds = target.timeout.seconds + target.timeout.nanos / 1e9
            if not 0 < seconds <= LONGEST_TIMEOUT:
                raise InvalidArgument("target.timeout", "must be more than 0 and at most 600 seconds")
            return seconds
        if time_left is None:
            return self._default_timeout
        return max(DEADLINE_MARGIN, min(self._default_timeout, time_left - DEADLINE_MARGIN))
