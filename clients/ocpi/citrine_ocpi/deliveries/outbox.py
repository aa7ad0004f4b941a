"""The outbox: what is to be sent is stored in the transaction that gives the reason."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.clock import Clock, utc_now
from citrine_ocpi.deliveries.repository import DeliveryRepository
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.ids import new_id
from citrine_ocpi.models import OcpiModel
from citrine_ocpi.transport.routing import Routing

__all__ = ["Outbox", "Push", "merged"]

Acknowledged = Callable[[AsyncSession, DeliveryRow, str], Awaitable[None]]

TRIES = 10
"""How often rows are looked for that somebody else inserts and removes at the same time."""


@dataclass(frozen=True)
class Push:
    """One object for one partner."""

    partner_id: str
    module: str
    object_key: str
    """The object, e.g. "NL/CIT/LOC1": a newer version of it replaces one that waits."""
    path: str
    """Below the partner's endpoint of the module; or a whole URL that the partner gave, as for results of commands."""
    body: OcpiModel | None
    """The whole object, as it is now. None: it is deleted."""
    routing: Routing
    method: str = "PUT"
    """PUT, POST or DELETE. What is posted is not replaced: the first one counts."""
    changes: dict[str, Any] = field(default_factory=dict)
    """What of the object is another than before, as JSON: it is sent as PATCH, and after a PATCH that failed the whole
    as PUT. Lists here are those that the partner appends. Empty: it gets the whole at once."""
    order_key: str = ""
    """What has the same is sent one after the other. Empty: as the object."""
    correlation_id: str = field(default_factory=new_id)
    expire_time: datetime | None = None
    """After which it is of no use to the partner. None: it always is."""

    @property
    def place(self) -> tuple[str, str]:
        """By which it is found."""
        return self.partner_id, self.object_key


class Outbox:
    """Stores what is to be sent.

    Args:
        clock: Returns the time now.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self.filled = asyncio.Event()
        """Set after a commit that stored something."""
        self.acknowledged: list[Acknowledged] = []
        """Are told where a partner has what it got, in the transaction that stores that it did."""

    async def add(self, session: AsyncSession, pushes: Iterable[Push]) -> None:
        """Store objects to be sent, those of one object in their order; what waits of an object is replaced."""
        left = [*pushes]
        if not left:
            return
        event.listen(session.sync_session, "after_commit", lambda _: self.filled.set(), once=True)
        for _ in range(TRIES):
            left = await self._add(DeliveryRepository(session), left)
            if not left:
                return
        raise RuntimeError("what waits for partners changes faster than it can be stored")

    async def _add(self, repository: DeliveryRepository, pushes: Sequence[Push]) -> list[Push]:
        """Return those that are left, since somebody else stored a row at the same time."""
        now = self._clock()
        stored = {(row.partner_id, row.object_key): row for row in await repository.waiting({x.place for x in pushes})}
        new: dict[tuple[str, str], dict[str, Any]] = {}
        later: list[Push] = []
        for push in pushes:
            if push.place in stored:
                _replace(stored[push.place], push, now)
            elif push.place in new:
                later.append(push)
            else:
                new[push.place] = _row(push, now)
        inserted = await repository.insert([*new.values()])
        return [*(push for push in pushes if push.place in new and push.place not in inserted), *later]


def _row(push: Push, now: datetime) -> dict[str, Any]:
    return {
        "partner_id": push.partner_id,
        "module": push.module,
        "object_key": push.object_key,
        "order_key": push.order_key or push.object_key,
        "method": push.method,
        "path": push.path,
        "body": "" if push.body is None else push.body.model_dump_json(exclude_none=True),
        "changes": json.dumps(push.changes) if push.changes else "",
        "routing": push.routing.headers(),
        **_receiver(push),
        "correlation_id": push.correlation_id,
        "revision": 0,
        "attempts": 0,
        "create_time": now,
        "due_time": now,
        "expire_time": push.expire_time,
        "problem": "",
    }


def _receiver(push: Push) -> dict[str, str]:
    party = push.routing.receiver
    # Headers of partners, to whom results go, may say anything.
    is_party = party is not None and (len(party.country_code), len(party.party_id)) == (2, 3)
    return {
        "receiver_country": party.country_code if party is not None and is_party else "",
        "receiver_party": party.party_id if party is not None and is_party else "",
    }


def _replace(row: DeliveryRow, push: Push, now: datetime) -> None:
    if row.method == push.method == "POST":
        return
    is_under_way = row.lease_time is not None and row.lease_time > now
    known = json.loads(row.changes) if row.changes and not row.attempts and not is_under_way else {}
    changes = merged(known, push.changes)
    row.method, row.path, row.routing = push.method, push.path, push.routing.headers()
    for name, value in _receiver(push).items():
        setattr(row, name, value)
    row.body = "" if push.body is None else push.body.model_dump_json(exclude_none=True)
    row.changes = json.dumps(changes) if changes else ""
    row.correlation_id, row.expire_time = push.correlation_id, push.expire_time
    row.revision += 1


def merged(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return two changes as one. Empty: the whole has to be sent, since one is not known or both have the same list."""
    if not older or not newer or any(isinstance(older.get(name), list) for name in newer):
        return {}
    return {**older, **newer}
