"""Parties behind a hub that it does not reach: what is for them waits, and what is for others does not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from citrine_ocpi.deliveries.attempts import Attempt, Outcome, pause_after
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.deliveries.tables import DeliveryRow, UnreachedRow
from citrine_ocpi.transport.routing import Party

__all__ = ["store_unreached"]

Done = Sequence[tuple[DeliveryRow, Attempt]]


async def store_unreached(repository: DeliveryRepository, partner_id: str, done: Done, now: datetime) -> Done:
    """Store which parties a hub reached and which not, and return the attempts with how long those wait.

    Args:
        repository: Of the transaction.
        partner_id: The hub.
        done: What was sent to it, and what that came to.
        now: The time.
    """
    known = await repository.unreached(partner_id)
    pauses: dict[Party, timedelta] = {}
    for row, result in done:
        if result.outcome is Outcome.UNREACHED:
            wanted = timedelta(seconds=result.retry_after)
            pauses[_receiver(row)] = max(wanted, pauses.get(_receiver(row), timedelta(0)))
    for party, wanted in pauses.items():
        failures = known[party].failures + 1 if party in known else 1
        pauses[party] = max(wanted, pause_after(failures))
        _store(repository, known, partner_id, party, failures, now + pauses[party])
    for party in {_receiver(row) for row, result in done if result.outcome not in _WAITING} - pauses.keys():
        if party in known:
            await repository.remove_unreached(known[party])
    return [
        (row, replace(result, retry_after=pauses[_receiver(row)].total_seconds()))
        if result.outcome is Outcome.UNREACHED
        else (row, result)
        for row, result in done
    ]


_WAITING = (Outcome.FAILED, Outcome.UNREACHED, Outcome.UNWANTED)
"""What says nothing of a party's being reached, or that it is not."""


def _store(
    repository: DeliveryRepository,
    known: Mapping[Party, UnreachedRow],
    partner_id: str,
    party: Party,
    failures: int,
    open_time: datetime,
) -> None:
    row = known.get(party)
    if row is None:
        row = UnreachedRow(partner_id=partner_id, country_code=party.country_code, party_id=party.party_id)
        repository.add_unreached(row)
    row.failures, row.open_time = failures, open_time


def _receiver(row: DeliveryRow) -> Party:
    return Party(row.receiver_country, row.receiver_party)
