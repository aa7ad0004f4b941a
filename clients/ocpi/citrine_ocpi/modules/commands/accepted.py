"""What is stored of a request that goes to a station, so that its result finds the partner later."""

import hashlib
import json
from typing import Any

from citrine_ocpi.ids import new_id
from citrine_ocpi.modules.commands.tables import Target
from citrine_ocpi.modules.reservations.tables import LONGEST_LOOKUP
from citrine_ocpi.published.viewers import asking_party
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Call
from citrine_ocpi.transport.client import PartnerRefused
from citrine_ocpi.transport.errors import InvalidParameters, UnknownReceiver

__all__ = ["accepted_row", "check_response_url", "digest_of", "reservation_lookup"]


def check_response_url(services: Services, call: Call, response_url: str) -> None:
    """Refuse a URL for a result that is not on a host of the partner.

    Raises:
        InvalidParameters: When it is not, or has no https.
    """
    try:
        services.client.check(call.partner, response_url)
    except PartnerRefused as error:
        raise InvalidParameters(f"response_url: {error}") from None


def digest_of(*said: object) -> str:
    """Return what is the same for a request and its repetition: a digest of what they say, as JSON knows it."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def reservation_lookup(call: Call, reservation_id: str) -> str:
    """Return by what a reservation is found: each party behind a hub has ids of its own."""
    party = asking_party(call.partner, call.routing)
    lookup = reservation_id.lower()
    return lookup if party is None else digest_of(str(party), lookup)[:LONGEST_LOOKUP]


async def accepted_row(
    services: Services, call: Call, command: str, digest: str, response_url: str, target: Target
) -> dict[str, Any]:
    """Return the row of a request that goes to a station at once.

    Args:
        services: What is used.
        call: The request.
        command: What it is stored as.
        digest: By which a repetition is known.
        response_url: Where its result goes.
        target: What it is about.

    Raises:
        UnknownReceiver: When there is no party of ours that the result could be of.
    """
    own = await services.partners.own()
    sender = call.routing.receiver or (own[0].party if own else None)
    if sender is None:
        raise UnknownReceiver("there is no party here yet")
    now = services.clock()
    return {
        "partner_id": call.partner.partner_id,
        "digest": digest,
        "request_id": call.trace.request_id,
        "idempotency_key": new_id(),
        "command": command,
        "response_url": response_url,
        "target": {**target},
        "routing": call.partner.routing(sender, call.routing.sender).headers(),
        "correlation_id": call.trace.correlation_id,
        "create_time": now,
        "due_time": now,
    }
