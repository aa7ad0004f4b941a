"""Assigns numbers to starts of transactions, in the transaction of the database that stores them."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine_core.blocks.transactions.numbers.repository import NumberRepository, StartKey, find_end_receipts
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call

__all__ = ["assign_numbers", "queued_offline"]

HIGHEST = 2**31 - 1
"""Highest number of a transaction."""

QUEUED_AFTER = timedelta(minutes=5)
"""Age of an event above which it was queued, where the station does not say so and no other tolerance is set."""


async def assign_numbers(
    work: UnitOfWork, tenant_id: str, calls: Sequence[Call[TransactionEventRequest]]
) -> set[tuple[str, str]]:
    """Set number and transaction id of the starts that want one; return station and id of those seen before.

    A start that says the same as one before is a repetition of it, unless the end of that transaction arrived in
    between: then it begins another one. Makes no query if there is no such start. The message of the edge is not
    changed, but replaced in the call.
    """
    wanting: dict[StartKey, list[Call[TransactionEventRequest]]] = {}
    for call in calls:
        if call.supplement is not None and call.supplement.wants_transaction_number:
            wanting.setdefault((call.station_id, _digest(call.message)), []).append(call)
    if not wanting:
        return set()
    repository = NumberRepository(work.session)
    # Random, so that a station which mixes up its numbers does not hit another transaction of its own.
    numbers = {key: 1 + secrets.randbelow(HIGHEST) for key in wanting}
    known = wanting.keys() - await repository.add(tenant_id, numbers)
    if known:
        stored = await repository.find(tenant_id, known)
        ends = {(key[0], str(number)) for key, number in stored.items()}
        received = await find_end_receipts(work.session, tenant_id, ends)
        over = {
            key: (numbers[key], number)
            for key, number in stored.items()
            # Who has sent the end knows the number, and does not ask for it again.
            if (time := received.get((key[0], str(number)))) is not None and time < wanting[key][0].receive_time
        }
        if over:
            await repository.replace(tenant_id, over)
            stored |= await repository.find(tenant_id, over)
        numbers |= stored
    for key, same in wanting.items():
        for call in same:
            message = TransactionEventRequest()
            message.CopyFrom(call.message)
            message.transaction_info.transaction_id = str(numbers[key])
            call.message, call.transaction_number = message, numbers[key]
    return {(station_id, str(numbers[station_id, digest])) for station_id, digest in known}


def queued_offline(call: Call[TransactionEventRequest], tolerance: timedelta | None) -> bool:
    """Return whether an event was queued while the station was offline, by its age: its version can't say so.

    Args:
        call: The call.
        tolerance: How far clocks of stations may be off. None: that is not examined.
    """
    supplement = call.supplement
    if supplement is None or not supplement.unnumbered:
        return False
    age = call.receive_time.timestamp() - call.message.timestamp.seconds
    return age > (tolerance or QUEUED_AFTER).total_seconds()


def _digest(start: TransactionEventRequest) -> str:
    """Return the digest of what identifies a start, which no other field of its message changes."""
    register = next((one.value for values in start.meter_value for one in values.sampled_value), None)
    identity = (start.evse.id, start.id_token.id_token, start.timestamp.seconds, start.timestamp.nanos, register)
    return hashlib.blake2b(repr(identity).encode(), digest_size=16).hexdigest()
