"""Removal of the profiles of a plan after the last limit of its station was removed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine_core.blocks.smart_charging.capacity.models import CapacityPlan
from citrine_core.blocks.smart_charging.capacity.sent import Sent
from citrine_core.blocks.smart_charging.checks import TX
from citrine_core.blocks.smart_charging.records import WANTED
from citrine_core.blocks.smart_charging.repository import NegotiationRepository, ProfileRepository
from citrine_core.db import UnitOfWork

__all__ = ["release"]

RETRY_TIME = timedelta(seconds=60)
"""Time until a station is asked again to clear a profile."""

MAX_ATTEMPTS = 5
"""Most requests to clear one profile."""


async def release(
    work: UnitOfWork, row: CapacityPlan, sent: dict[int, Sent], is_connected: bool, now: datetime
) -> Sequence[ocpp.ClearChargingProfileRequest] | None:
    """Return the messages that clear the profiles of a plan; None if no profile is left to clear.

    Profiles of vehicles that reported their needs are left, because new ones replace them.

    Args:
        work: The unit of work to read in.
        row: The plan.
        sent: Last profiles by EVSE; the attempts to clear them are recorded there.
        is_connected: False: nothing can be sent.
        now: The current time.
    """
    rows = await ProfileRepository(work.session).find_possible(row.tenant_id, row.station_id, now)
    planned = [one for one in rows if one.planned]
    transactions = [one.transaction_id for one in planned if one.purpose == TX and one.transaction_id]
    needs = await NegotiationRepository(work.session).needs_of(row.tenant_id, row.station_id, transactions)
    negotiated = {one.transaction_id for one in needs}
    left = [one for one in planned if one.purpose != TX or one.transaction_id not in negotiated]
    if not left:
        return None
    messages: dict[int, ocpp.ClearChargingProfileRequest] = {}
    for one in left:
        before = sent.get(one.evse_id) or Sent(one.transaction_id or "", one.profile_id, one.id)
        if before.attempts >= MAX_ATTEMPTS:
            continue
        waits = one.state == WANTED or before.is_stuck(now) or one.profile_id in messages
        if is_connected and not waits:
            messages[one.profile_id] = ocpp.ClearChargingProfileRequest(charging_profile_id=one.profile_id)
            before.attempts += 1
            before.retry_seconds = (now + RETRY_TIME).timestamp()
            sent[one.evse_id] = before
    given_up = all((known := sent.get(one.evse_id)) and known.attempts >= MAX_ATTEMPTS for one in left)
    return None if given_up and not messages else list(messages.values())
