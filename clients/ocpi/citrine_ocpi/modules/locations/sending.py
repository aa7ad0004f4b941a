"""What each partner is sent of a location: what differs of what it sees from what it was sent before."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.deliveries import Push
from citrine_ocpi.models import written_time
from citrine_ocpi.modules.locations.allowed import shown_body
from citrine_ocpi.modules.locations.mapping import evse_model, location_model
from citrine_ocpi.modules.locations.stamps import REMOVED, LocationChanges, changes_of, stamped
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import (
    LocationFilter,
    LocationFilters,
    PublishedRepository,
    PublishedRow,
    PublishedTags,
    StaleLocations,
    may_see,
)
from citrine_ocpi.published.stale import Stale
from citrine_ocpi.published.viewers import EVERYBODY_PARTY
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Routing, Version

__all__ = ["MODULE", "LocationSender", "StoredBefore", "present_readers", "seen_uids"]

MODULE = "locations"


@dataclass(frozen=True)
class StoredBefore:
    """A location as it was stored before."""

    bodies: Mapping[str, Any]
    state: Mapping[str, Any]
    audience: Collection[Party]


@dataclass(frozen=True)
class _Audience:
    """Who sees a location, and what of it."""

    parties: Collection[Party]
    uids: Collection[str] | None
    """EVSEs. None: all."""


@dataclass(frozen=True)
class _Reader:
    """A party behind a partner that is sent a location."""

    partner: Partner
    receiver: Party | None
    """None: no party is named, the partner is of one company."""
    uids: Collection[str] | None
    """EVSEs that it sees. None: all."""
    audience: Collection[Party] = ()
    """Who may see the location."""

    @property
    def version(self) -> Version:
        assert self.partner.version is not None
        return self.partner.version

    def routing(self, sender: Party) -> Routing:
        """Return from whom and for whom it is sent: of a partner with several parties for one that may see it."""
        partner = self.partner
        named = (one.party for one in partner.parties if not partner.is_hub and one.party in self.audience)
        return partner.routing(sender, self.receiver or next(named, None))

    @property
    def parties(self) -> Collection[Party]:
        """Whose tokens it reads."""
        return self.partner.owned_parties() if self.receiver is None else {self.receiver}


def seen_uids(seen: LocationFilter, tags: Mapping[str, Collection[str]]) -> Collection[str] | None:
    """Return the EVSEs of a location that a partner sees. None: all.

    Args:
        seen: What the partner sees.
        tags: Of each EVSE.
    """
    return {uid for uid, own in tags.items() if seen.passes(own)} if seen.tags else None


class LocationSender:
    """Has partners sent what they see of a location, and have not got.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def is_seen_otherwise(
        self,
        session: AsyncSession,
        row: PublishedRow,
        audience: Collection[Party],
        partners: Sequence[Partner],
        tags: Mapping[str, Collection[str]] | None,
    ) -> bool:
        """Return whether a partner sees other EVSEs of a location than it was sent, by its filter.

        Args:
            session: The transaction.
            row: The location.
            audience: Who may see it.
            partners: All that are registered.
            tags: Of each EVSE, as they are now. None: they are of no matter.
        """
        named = await LocationFilters(session).all()
        stored = (await PublishedTags(session).of([row]))[row.published_id]
        sent = await PublishedRepository(session).sent_evses(row)
        for partner in partners:
            if partner.is_suspended:
                continue
            seen = named.get(partner.partner_id, LocationFilter())
            uids = seen_uids(seen, {**stored, **(tags or {})})
            evses = None if uids is None else sorted(uids)
            is_sent = partner.partner_id in sent
            if is_sent is not _is_visible(partner, row, audience, seen, uids):
                return True
            if is_sent and sent[partner.partner_id] != evses:
                return True
        return False

    async def send(
        self,
        session: AsyncSession,
        row: PublishedRow,
        before: StoredBefore,
        audience: Collection[Party],
        partners: Sequence[Partner],
        *,
        is_shown: bool,
        is_refresh: bool,
        is_of_some: bool = False,
    ) -> None:
        """Store what partners are sent of a location.

        Args:
            session: The transaction.
            row: The location as it is now.
            before: The location as it was.
            audience: Who may see it.
            partners: All that are registered. Who is suspended is sent it later.
            is_shown: Whether anybody may see it.
            is_refresh: Whether it counts for those, too, whose filter changed and was not applied yet.
            is_of_some: Whether there are other partners that are registered, of whom nothing changes.
        """
        repository, filters = PublishedRepository(session), LocationFilters(session)
        named = await filters.all()
        changing = {} if is_refresh else await filters.changes()
        has_tags = any(one.tags for one in named.values())
        tags = (await PublishedTags(session).of([row]))[row.published_id] if has_tags else {}
        sent = await repository.sent_evses(row)
        stale = StaleLocations(session)
        waiting = await stale.of(row)
        pushes: list[Push] = []
        missed: list[Stale] = []
        seeing = {*changing} | ({*sent} - {one.partner_id for one in partners} if is_of_some else set())
        for partner in partners:
            if partner.partner_id in changing:
                missed.append(Stale(partner.partner_id, EVERYBODY_PARTY, partner.partner_id in sent))
                continue
            seen = named.get(partner.partner_id, LocationFilter())
            uids = seen_uids(seen, tags)
            is_visible = is_shown and _is_visible(partner, row, audience, seen, uids)
            got = sent.get(partner.partner_id)
            now = _Audience(audience, uids) if is_visible else None
            then = _Audience(before.audience, got) if partner.partner_id in sent else None
            is_named = seen.location_ids is not None
            missed += _missed(partner, then, now, is_named=is_named)
            if partner.is_suspended:
                seeing |= {partner.partner_id} & {*sent}
                continue
            there = present_readers(partner)
            waited = waiting.get(partner.partner_id, {})
            late = {one: had for one, had in waited.items() if there is None or one in there}
            pushes += self._of_partner(partner, row, before, then, now, late, is_named=is_named)
            if late:
                await stale.remove(row, partner.partner_id, late)
            if is_visible:
                seeing.add(partner.partner_id)
                evses = None if uids is None else sorted(uids)
                if partner.partner_id not in sent or got != evses:
                    await repository.set_sent_evses(row, partner.partner_id, evses)
        await stale.add(row, missed)
        await repository.remove_recipients(row, sent.keys() - seeing)
        await self._services.outbox.add(session, pushes)

    def _of_partner(
        self,
        partner: Partner,
        row: PublishedRow,
        before: StoredBefore,
        then: _Audience | None,
        now: _Audience | None,
        late: Mapping[Party, bool],
        *,
        is_named: bool,
    ) -> Iterable[Push]:
        """Yield what a partner is sent of a location.

        Args:
            partner: The partner.
            row: The location.
            before: The location as it was.
            then: Who saw it, and what of it. None: the partner was not sent it.
            now: Who sees it, and what of it. None: the partner does not.
            late: Readers who have another version than that before, each with whether they have any.
            is_named: Whether the partner sees it whoever its audience is.
        """
        known = [] if then is None else _receivers(partner, then.parties, is_named=is_named)
        receivers = [] if now is None else _receivers(partner, now.parties, is_named=is_named)
        got = None if then is None else then.uids
        for receiver in receivers:
            assert now is not None
            reader = _Reader(partner, receiver, now.uids, now.parties)
            is_late = not late.keys().isdisjoint({EVERYBODY_PARTY, receiver})
            yield from self._changed(reader, row, before if receiver in known else None, got, is_whole=is_late)
        had = [one for one, was_sent in late.items() if was_sent and one != EVERYBODY_PARTY]
        for receiver in dict.fromkeys([*known, *had]):
            if receiver not in receivers:
                yield from self._gone(_Reader(partner, receiver, got, before.audience), row)

    def _changed(
        self,
        reader: _Reader,
        row: PublishedRow,
        before: StoredBefore | None,
        got: Collection[str] | None,
        *,
        is_whole: bool,
    ) -> Iterable[Push]:
        """Return what of a location a reader has not got.

        Args:
            reader: Who it is.
            row: The location.
            before: As it was sent. None: it was not.
            got: EVSEs that were sent then. None: all.
            is_whole: Whether it is sent all, since it has another version.
        """
        version, parties = reader.version, reader.parties
        after = shown_body(row.bodies[version], row.state, parties, reader.uids)
        known = None
        if before is not None and version in before.bodies:
            known = shown_body(before.bodies[version], before.state, parties, got)
        changes = changes_of(None if is_whole else known, after)
        if changes is None:
            return []
        present = {one["uid"] for one in after.get("evses", ())}
        is_same = known is not None and present == {one["uid"] for one in known.get("evses", ())}
        if is_same and not changes.evses and changes.fields is not None and changes.fields.keys() == {"last_updated"}:
            # Another one sees another thing of it.
            return []
        lost = [one for one in (known or {}).get("evses", ()) if one["uid"] not in present]
        now = written_time(self._services.clock())
        removed = [{**one, "status": REMOVED, "last_updated": now} for one in lost if one["status"] != REMOVED]
        return _pushes(reader, row, after, changes, removed)

    def _gone(self, reader: _Reader, row: PublishedRow) -> Iterable[Push]:
        """Return what a reader is sent of a location that it sees no more: all EVSEs are removed."""
        body = shown_body(row.bodies[reader.version], row.state, reader.parties, reader.uids)
        gone = stamped(body, {**body, "evses": []}, written_time(self._services.clock()))
        return _pushes(reader, row, gone, LocationChanges(None, {}), ())


def _missed(partner: Partner, then: _Audience | None, now: _Audience | None, *, is_named: bool) -> Iterable[Stale]:
    """Yield who is sent a change of a location later, as they are not there: each with whether they have it.

    Args:
        partner: The partner.
        then: Who saw the location. None: the partner was not sent it.
        now: Who sees it. None: the partner does not.
        is_named: Whether the partner sees it whoever its audience is.
    """
    known, seeing = ([] if one is None else _absent(partner, one.parties, is_named=is_named) for one in (then, now))
    for receiver in dict.fromkeys([*known, *seeing]):
        yield Stale(partner.partner_id, receiver, receiver in known)


def _absent(partner: Partner, audience: Collection[Party], *, is_named: bool) -> Sequence[Party]:
    """Return for whom a location would be sent to a partner that are not there."""
    if not partner.is_hub:
        return [EVERYBODY_PARTY] if partner.is_suspended else []
    seen_by = None if is_named or EVERYBODY_PARTY in audience else audience
    there = partner.receivers(seen_by) if partner.is_suspended else []
    return [*there, *partner.absent_receivers(seen_by)]


def present_readers(partner: Partner) -> Collection[Party] | None:
    """Return the readers of a partner that can be sent anything. None: all."""
    if not partner.is_hub:
        return None
    return {EVERYBODY_PARTY, *partner.present_parties(), *([partner.hub] if partner.hub else [])}


def _is_visible(
    partner: Partner,
    row: PublishedRow,
    audience: Collection[Party],
    seen: LocationFilter,
    uids: Collection[str] | None,
) -> bool:
    if uids is not None and not uids:
        return False
    return may_see(partner, audience) if seen.location_ids is None else row.object_id in seen.location_ids


def _receivers(partner: Partner, audience: Collection[Party], *, is_named: bool) -> Sequence[Party | None]:
    """Return for whom a location is sent to a partner.

    Args:
        partner: The partner.
        audience: Who may see it.
        is_named: Whether the partner sees it whoever its audience is.
    """
    if not partner.is_hub:
        return [None]
    return partner.receivers(None if is_named or EVERYBODY_PARTY in audience else audience)


def _pushes(
    reader: _Reader,
    row: PublishedRow,
    body: Mapping[str, Any],
    changes: LocationChanges,
    removed: Sequence[Mapping[str, Any]],
) -> Iterable[Push]:
    """Yield what is sent: of the location and of its EVSEs, what changed of each."""
    partner, party = reader.partner, Party(row.country_code, row.party_id)
    path = f"{party.country_code}/{party.party_id}/{row.object_id}"
    routing = reader.routing(party)
    # What is broadcast, and what is for a partner of one company, is one object.
    is_single = reader.receiver is None or reader.receiver == partner.hub
    suffix = "" if is_single else f"@{reader.receiver}"
    order_key = f"{MODULE}/{path}{suffix}"
    if changes.fields is None or changes.fields:
        model = location_model(body, reader.version)
        fields = changes.fields or {}
        yield Push(partner.partner_id, MODULE, order_key, path, model, routing, changes=fields, order_key=order_key)
    evses = {one["uid"]: one for one in body.get("evses", ())}
    wanted = [(uid, evses[uid], differing) for uid, differing in changes.evses.items()]
    wanted += [(one["uid"], one, {name: one[name] for name in ("status", "last_updated")}) for one in removed]
    for uid, evse, differing in wanted:
        yield Push(
            partner.partner_id,
            MODULE,
            f"{MODULE}/{path}/{uid}{suffix}",
            f"{path}/{uid}",
            evse_model(evse, reader.version),
            routing,
            changes=differing,
            order_key=order_key,
        )
