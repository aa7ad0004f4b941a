"""What one attempt to deliver comes to, and when the next one is."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from citrine_ocpi.clock import Clock
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.partner import Partner
from citrine_ocpi.transport.client import PartnerClient, PartnerFailed, PartnerRefused
from citrine_ocpi.transport.routing import Routing, TraceIds
from citrine_ocpi.transport.status import InterfaceRole, Status

__all__ = ["FIRST_PAUSE", "LASTING", "RETAINED", "Attempt", "Outcome", "attempt", "pause_after"]

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 900.0
"""Seconds until something is tried again: after the first failure, and after many."""

_OF_CREDENTIALS = frozenset({401, 403})
"""Statuses of HTTP that say nothing of the object: the partner does not know us at present."""


_OF_ENDPOINTS = frozenset({404, 405, 410, 421})
"""Statuses of HTTP, beside those that lead elsewhere, that say nothing of what is posted: it can't be taken there."""

_OF_DELETED = frozenset({404, 410})
"""Statuses of HTTP of who has no such object."""

RETAINED = frozenset({"cdrs"})
"""Modules whose objects are money: they wait until the partner has them, and what it refuses is not removed by time."""

LASTING = RETAINED | {"locations", "tariffs"}
"""Modules whose objects wait however long a partner is away: of each the newest, of which it would show the old one."""

_OF_SENDERS = frozenset({"chargingprofiles"})
"""Modules by which partners send, and are told at the same side what comes of it."""


class Outcome(Enum):
    """What became of an attempt."""

    DELIVERED = auto()
    FAILED = auto()
    """It may succeed later."""
    REFUSED = auto()
    """It would be again."""
    MISPLACED = auto()
    """The partner answers, and does not take it where it has its endpoint: it may succeed later."""
    UNREACHED = auto()
    """The hub answers, and does not reach the party behind it: it may succeed later."""
    UNWANTED = auto()
    """The partner has no endpoint for it any more."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver."""

    outcome: Outcome
    problem: str = ""
    retry_after: float = 0.0
    """Seconds that the partner wants to be left alone."""
    location: str = ""
    """URL at which the partner has what was posted. Empty: it did not say."""


def pause_after(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: longer each time, and never as long as others wait."""
    seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))
    return timedelta(seconds=seconds * (0.5 + random.random() / 2))


async def attempt(client: PartnerClient, partner: Partner, row: DeliveryRow, clock: Clock, until: datetime) -> Attempt:
    """Send something to a partner: what changed by PATCH, and the whole where that is refused.

    Args:
        client: Calls it.
        partner: To whom.
        row: What.
        clock: Returns the time now.
        until: When nothing is sent any more: then another replica may have sent a newer version.
    """
    if row.expire_time is not None and row.expire_time <= clock():
        return Attempt(Outcome.REFUSED, "it came too late")
    url = _url(partner, row)
    if not url:
        return Attempt(Outcome.UNWANTED)
    requests = [(row.method, row.body)]
    if row.changes and row.method == "PUT":
        requests.insert(0, ("PATCH", row.changes))
    for method, body in requests:
        if clock() > until:
            return Attempt(Outcome.FAILED, "this replica was stopped for too long")
        try:
            location = await _send(client, partner, row, method, url, body)
            return Attempt(Outcome.DELIVERED, location="" if method == "PATCH" else location)
        except PartnerFailed as error:
            is_receiver = partner.is_hub and error.status in Status.of_receivers() and bool(row.receiver_party)
            return Attempt(Outcome.UNREACHED if is_receiver else Outcome.FAILED, str(error), error.retry_after)
        except PartnerRefused as error:
            if method == "DELETE" and error.http_status in _OF_DELETED:
                # As where it is deleted once more, since the answer was lost.
                return Attempt(Outcome.DELIVERED)
            refused = Attempt(_outcome_of(row.module, error.http_status), str(error))
            if error.http_status in _OF_CREDENTIALS:
                return refused
    return refused


def _outcome_of(module: str, http_status: int) -> Outcome:
    """Return what it comes to that a partner refuses.

    Args:
        module: Of the object.
        http_status: Of HTTP. 0: its URL could not be called.
    """
    if http_status in _OF_CREDENTIALS:
        return Outcome.FAILED
    is_misplaced = not http_status or 300 <= http_status < 400 or http_status in _OF_ENDPOINTS
    return Outcome.MISPLACED if module in RETAINED and is_misplaced else Outcome.REFUSED


def _url(partner: Partner, row: DeliveryRow) -> str:
    """Return where something is sent. Empty: nowhere."""
    if row.path.startswith(("http://", "https://")):
        return row.path
    endpoint = partner.endpoint(row.module, InterfaceRole.RECEIVER)
    if row.module in _OF_SENDERS:
        endpoint = partner.endpoint(row.module, InterfaceRole.SENDER) or endpoint
    if endpoint is None:
        return ""
    return f"{endpoint.url.rstrip('/')}/{row.path}" if row.path else endpoint.url


async def _send(client: PartnerClient, partner: Partner, row: DeliveryRow, method: str, url: str, body: str) -> str:
    answer = await client.send(
        partner,
        method,
        url,
        module=row.module,
        body=body.encode() if body else None,
        routing=Routing.of({name.lower(): value for name, value in row.routing.items()}),
        trace=TraceIds(correlation_id=row.correlation_id),
    )
    return str(answer.headers.get("location", ""))
