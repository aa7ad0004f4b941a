"""Stores sessions and what is to be sent of them, those of several events by the same statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.reservation_costs_pb2 import ReservationCost
from citrine.api.v1.reservation_pb2 import RESERVATION_STATE_ACTIVE, Reservation
from citrine.api.v1.tariff_and_cost_pb2 import TransactionCost
from citrine.api.v1.transactions_pb2 import Transaction
from citrine_ocpi.deliveries import Push
from citrine_ocpi.models import OcpiModel, written_time
from citrine_ocpi.modules.charging import Fields, Owner, named_id, reservation_period, when
from citrine_ocpi.modules.owners import as_known
from citrine_ocpi.modules.places import Place
from citrine_ocpi.modules.reservations import ReservationRepository, ReservationRequest
from citrine_ocpi.modules.sessions.mapping import reservation_session, session_model, transaction_session
from citrine_ocpi.modules.sessions.periods import measured_periods, periods_of
from citrine_ocpi.modules.tokens.repository import Beginning, TokenRepository
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import Published, PublishedRepository, PublishedRow, viewers_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Version
from citrine_ocpi.transport.paging import parse_time

__all__ = ["MODULE", "Charging", "Reserved", "SessionStore", "push_of", "reservation_session_id", "transaction_source"]

MODULE = "sessions"

AUTHORIZED = timedelta(minutes=15)
"""How long before or after its begin the token of a session was asked about, at most."""


def transaction_source(station_id: str, transaction_id: str) -> str:
    """Return what the session of a transaction is made of."""
    return f"transaction/{station_id}/{transaction_id}"


def reservation_session_id(reservation_id: int) -> str:
    """Return the id of the session of a reservation.

    Args:
        reservation_id: Of the core, which is of one reservation for ever.
    """
    return named_id("reservation", str(reservation_id))


@dataclass(frozen=True)
class Charging:
    """All that the session of a transaction is made of."""

    transaction: Transaction
    cost: TransactionCost | None
    owner: Owner
    place: Place
    reservation: Reservation | None = None
    """That it used. None: none."""

    @property
    def source(self) -> str:
        """What its session is made of."""
        return transaction_source(self.transaction.station_id, self.transaction.transaction_id)

    @property
    def reservation_source(self) -> str:
        """What the session that it goes on from is made of. Empty: it is of none."""
        return "" if self.reservation is None else f"reservation/{self.reservation.record_id}"

    @property
    def uid(self) -> str:
        """Of its token."""
        return self.owner.uid or self.transaction.id_token.id_token


@dataclass(frozen=True)
class Reserved:
    """All that the session of a reservation is made of."""

    reservation: Reservation
    cost: ReservationCost | None
    owner: Owner
    place: Place

    @property
    def source(self) -> str:
        """What its session is made of."""
        return f"reservation/{self.reservation.record_id}"


@dataclass(frozen=True)
class _Made:
    """A session to be stored, and what is stored of it."""

    row: PublishedRow | None
    session_id: str
    source: str
    place: Place
    owner: Owner
    models: Mapping[Version, OcpiModel]
    updated: datetime
    state: Mapping[str, Any] = field(default_factory=dict)


class SessionStore:
    """Has partners see sessions as they are now. What is the same as before is neither stored nor sent.

    Args:
        services: Of the adapter.
        partners: Who may see them, if they own the token.
    """

    def __init__(self, services: Services, partners: Sequence[Partner]) -> None:
        self._services = services
        self._partners = partners

    async def transactions(self, session: AsyncSession, charging: Sequence[Charging]) -> None:
        """Store the sessions of transactions."""
        repository = PublishedRepository(session)
        sources = {one.source for one in charging} | {one.reservation_source for one in charging} - {""}
        rows = await repository.find_by_sources(MODULE, sources)
        # One that is not there begins as the session of its reservation.
        own = [rows.get(one.source) or rows.get(one.reservation_source) for one in charging]
        owners = await as_known(session, [(one.owner, one.transaction.id_token) for one in charging])
        begun = [one.reservation if row is None else None for one, row in zip(charging, own, strict=True)]
        requested = await _requests(session, begun)
        commanded = [
            said is not None or (row is not None and bool(row.state.get("is_reserved")))
            for row, said in zip(own, requested, strict=True)
        ]
        references = await self._references(session, charging, own, requested, commanded)
        made = [self._charging(*each) for each in zip(charging, own, owners, references, commanded, strict=True)]
        await self._store(session, made)

    async def reservation(self, session: AsyncSession, reserved: Reserved) -> None:
        """Store the session of a reservation that no transaction has used."""
        rows = await PublishedRepository(session).find_by_sources(MODULE, {reserved.source})
        row, reservation = rows.get(reserved.source), reserved.reservation
        if row is None and reservation.state != RESERVATION_STATE_ACTIVE:
            # It never was one.
            return
        (owner,) = await as_known(session, [(reserved.owner, reservation.request.id_token)])
        state: dict[str, Any] = {} if row is None else dict(row.state)
        if row is None:
            (said,) = await _requests(session, [reservation])
            state = {} if said is None else {"is_reserved": True, "reference": said.reference}
        session_id, now = reservation_session_id(reservation.record_id), self._services.clock()
        reference = state.get("reference", "")
        models = {
            version: reservation_session(
                session_id, reservation, reserved.cost, owner, reserved.place, reference, written_time(now), version
            )
            for version in Version
        }
        made = _Made(row, session_id, reserved.source, reserved.place, owner, models, now, state)
        await self._store(session, [made])

    async def _references(
        self,
        session: AsyncSession,
        charging: Sequence[Charging],
        rows: Sequence[PublishedRow | None],
        requested: Sequence[ReservationRequest | None],
        commanded: Sequence[bool],
    ) -> Sequence[str]:
        """Return what owners called the authorizations of sessions. Empty: they were not asked, or did not say."""
        known = ["" if row is None else str(row.state.get("reference", "")) for row in rows]
        known = [
            reference if said is None else said.reference for reference, said in zip(known, requested, strict=True)
        ]
        asked: dict[int, Beginning] = {}
        for number, (one, row) in enumerate(zip(charging, rows, strict=True)):
            transaction = one.transaction
            # Who reserved said it then, and was not asked.
            if known[number] or commanded[number] or not transaction.HasField("start_time"):
                continue
            began = when(transaction.start_time)
            # Of one that goes on for longer all is known.
            if row is None or self._services.clock() - began <= 2 * AUTHORIZED:
                owners = [partner.partner_id for partner in self._partners if partner.owns(one.owner.party)]
                asked[number] = Beginning(owners, one.uid, transaction.station_id, began)
        found = await TokenRepository(session).find_references([*asked.values()], AUTHORIZED)
        for number, reference in zip(asked, found, strict=True):
            known[number] = reference
        return known

    def _charging(
        self, charging: Charging, row: PublishedRow | None, owner: Owner, reference: str, is_reserved: bool
    ) -> _Made:
        transaction, cost, now = charging.transaction, charging.cost, self._services.clock()
        names = {"station_id": transaction.station_id, "transaction_id": transaction.transaction_id}
        session_id = row.object_id if row else named_id("session", *names.values())
        state: Mapping[str, Any] = {} if row is None else row.state
        periods = periods_of(
            state.get("periods", []),
            parse_time(state["reached"]) if state.get("reached") else None,
            cost.cost.periods if cost is not None else measured_periods(transaction),
            cost.tariff.tariff_id if cost is not None else "",
            is_over=transaction.HasField("end_time") or transaction.HasField("close_time"),
            now=when(cost.reckoned_time) if cost is not None and cost.HasField("reckoned_time") else now,
        )
        reserved = state.get("reserved") or _reserved(charging)
        models = {
            version: transaction_session(
                session_id,
                transaction,
                cost,
                owner,
                charging.place,
                reference,
                [*reserved, *periods.bodies],
                written_time(now),
                version,
                is_reserved=is_reserved,
            )
            for version in Version
        }
        said = models[Version.V2_3_0].wire().get("charging_periods", [])
        remembered = {
            "reference": reference,
            "is_reserved": is_reserved,
            **names,
            "reserved": said[: len(reserved)],
            "periods": said[len(reserved) :],
            "reached": written_time(periods.reached) if periods.reached else "",
        }
        return _Made(row, session_id, charging.source, charging.place, owner, models, now, remembered)

    async def _store(self, session: AsyncSession, sessions: Sequence[_Made]) -> None:
        """Store those of which something is another, and send that."""
        changed: list[tuple[_Made, dict[str, Any], dict[str, Any]]] = []
        for made in sessions:
            before = {} if made.row is None else made.row.bodies
            bodies = {str(version): model.wire() for version, model in made.models.items()}
            if made.row is None or not all(_same(before.get(version), body) for version, body in bodies.items()):
                changed.append((made, before, bodies))
            else:
                made.row.source = made.source
        repository = PublishedRepository(session)
        recipients = await repository.recipients_of([made.row for made, _, _ in changed if made.row is not None])
        stored = await repository.store_all(
            [
                (made.row, Published(MODULE, made.session_id, made.source, made.place.party, bodies,
                                     {made.owner.party}, made.updated, made.state))
                for made, _, bodies in changed
            ]
        )  # fmt: skip
        pushes, receipts = [], []
        for (made, before, bodies), row in zip(changed, stored, strict=True):
            known = recipients.get(row.published_id, set())
            viewers = viewers_of(self._partners, {made.owner.party})
            for partner in viewers:
                seen = before if partner.partner_id in known else {}
                pushes.append(_change_for(partner, made, seen, bodies))
            seeing = {one.partner_id for one in viewers}
            receipts += [(row, one) for one in seeing - known]
            if known - seeing:
                await repository.remove_recipients(row, known - seeing)
        await repository.add_receipts(receipts)
        await self._services.outbox.add(session, pushes)


async def _requests(session: AsyncSession, found: Sequence[Reservation | None]) -> Sequence[ReservationRequest | None]:
    """Return what partners said of reservations. None: there is none, or it is no partner's."""
    numbers = [None if one is None else (one.station_id, one.request.id) for one in found]
    rows = await ReservationRepository(session).find_by_numbers({one for one in numbers if one is not None})
    return [rows[one].requested if one is not None and one in rows else None for one in numbers]


def _reserved(charging: Charging) -> Sequence[Fields]:
    """Return the period for which the EVSE was reserved before a transaction; it is known once that has begun."""
    transaction, reservation, cost = charging.transaction, charging.reservation, charging.cost
    if reservation is None or not reservation.HasField("accept_time") or not transaction.HasField("start_time"):
        return []
    end = min(when(transaction.start_time), when(reservation.request.expiry_date_time))
    return [reservation_period(when(reservation.accept_time), end, "" if cost is None else cost.tariff.tariff_id)]


def _change_for(partner: Partner, made: _Made, before: Mapping[str, Any], bodies: Mapping[str, Any]) -> Push:
    """Return what a partner is sent of a session that it has, or not."""
    assert partner.version is not None
    known = before.get(partner.version)
    changes = changed_fields(known, bodies[partner.version]) if known is not None else {}
    model = made.models[partner.version]
    return _push(partner, made.place.party, made.owner.party, made.session_id, model, changes)


def changed_fields(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a PATCH says, periods as those that are appended. Empty: the whole has to be put."""
    if before.keys() - after.keys():
        return {}
    known, periods = before.get("charging_periods", []), after.get("charging_periods", [])
    if periods[: len(known)] != known:
        return {}
    changes = {name: value for name, value in after.items() if before.get(name) != value}
    if "charging_periods" in changes:
        changes["charging_periods"] = periods[len(known) :]
    return changes


def _same(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    return before is not None and {**before, "last_updated": ""} == {**after, "last_updated": ""}


def push_of(partner: Partner, row: PublishedRow, receiver: Party) -> Push:
    """Return the put of a whole session to a partner, for a party behind it."""
    assert partner.version is not None
    model = session_model(row.bodies[partner.version], partner.version)
    return _push(partner, Party(row.country_code, row.party_id), receiver, row.object_id, model, {})


def _push(
    partner: Partner, party: Party, receiver: Party, session_id: str, model: OcpiModel, changes: dict[str, Any]
) -> Push:
    path = f"{party.country_code}/{party.party_id}/{session_id}"
    return Push(
        partner.partner_id,
        MODULE,
        f"{MODULE}/{path}",
        path,
        model,
        partner.routing(party, receiver),
        changes=changes,
    )
