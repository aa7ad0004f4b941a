"""Finds the transaction of a session that a partner names, e.g. to stop it."""

from collections.abc import Collection
from dataclasses import dataclass

from citrine_ocpi.db import Database
from citrine_ocpi.modules.sessions.storing import MODULE
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.transport import Party

__all__ = ["KnownSession", "find_session"]


@dataclass(frozen=True)
class KnownSession:
    """A session that a partner may see."""

    session_id: str
    station_id: str
    """Empty: it is a reservation that no transaction has used."""
    transaction_id: str
    """Empty: see station_id."""
    location_id: str
    evse_uid: str
    is_over: bool


async def find_session(database: Database, session_id: str, parties: Collection[Party]) -> KnownSession | None:
    """Return a session by its id, in any case. None: there is none that one of the parties may see.

    Args:
        database: Of the adapter.
        session_id: As the partner says it.
        parties: Whose sessions count (`citrine_ocpi.published.viewers.parties_of`).
    """
    async with database.reading() as session:
        repository = PublishedRepository(session)
        row = await repository.find(MODULE, session_id)
        if row is None or not {*parties} & await repository.audience(row):
            return None
    body = row.bodies["2.2.1"]
    return KnownSession(
        session_id=row.object_id,
        station_id=row.state.get("station_id", ""),
        transaction_id=row.state.get("transaction_id", ""),
        location_id=body["location_id"],
        evse_uid=body["evse_uid"],
        is_over="end_date_time" in body,
    )
