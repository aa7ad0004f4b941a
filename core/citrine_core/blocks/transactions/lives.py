"""Several transactions with one id: a station that lost its memory restarts its counter and reuses ids.

The first transaction is stored under the id of the station. Each later one is stored under an id of ours, with the
station's id beside it. This module decides which of them an event belongs to. An id that is used once needs no query.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise

from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.repository import TransactionKey, TransactionRepository
from citrine_core.resources.tokens import lookup_of

__all__ = ["IdReuse", "id_of_life", "sort_out_lives"]

_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED
_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED

_NEVER = datetime(1, 1, 1, tzinfo=UTC)

LONGEST_ID = 36
"""Largest number of characters of a transaction's id."""


@dataclass(slots=True)
class IdReuse:
    """Ids in a batch that stations reused."""

    lives: dict[TransactionKey, int] = field(default_factory=dict)
    """Number of transactions with the id of the key, if it grew."""
    reported: dict[TransactionKey, str] = field(default_factory=dict)
    """Ids of the station for new transactions that are stored under an id of ours."""
    over: dict[TransactionKey, str] = field(default_factory=dict)
    """Open transactions that are over because their id was reused, each with our id of the next one."""


@dataclass(slots=True)
class _Life:
    """One of several transactions with one id of a station."""

    transaction_id: str
    token: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    is_over: bool = False
    last_time: datetime = _NEVER
    last_seq_no: int = -1
    next_start: datetime | None = None
    """When the next transaction with this id began, which proves that this one is over."""
    starts: list[Occurrence] = field(default_factory=list)
    """Its events of type Started with the same time as a new one."""
    contents: set[tuple[int, int]] = field(default_factory=set)
    """seqNo and digest of its events, those of this batch included."""

    @classmethod
    def of(cls, state: TransactionState) -> "_Life":
        return cls(
            state.transaction_id,
            state.id_token_lookup,
            state.start_time,
            state.end_time,
            state.end_time is not None or state.closed_time is not None,
            state.last_event_time or _NEVER,
            state.last_seq_no,
        )

    def add(self, occurrence: Occurrence) -> None:
        """Add an event."""
        self.contents.add((occurrence.seq_no, occurrence.digest))
        self.last_time = max(self.last_time, occurrence.event_time)
        self.last_seq_no = max(self.last_seq_no, occurrence.seq_no)
        self.token = self.token or _token_of(occurrence)
        if occurrence.event_type == _STARTED:
            self.start = self.start or occurrence.event_time
            self.starts.append(occurrence)
        elif occurrence.event_type == _ENDED:
            self.end, self.is_over = self.end or occurrence.event_time, True

    def yield_to(self, start: datetime | None) -> None:
        """Mark it as over, because another transaction with the id began."""
        self.next_start, self.is_over = start, True

    def begins_with(self, occurrence: Occurrence) -> bool:
        """Return whether an event of type Started belongs to it, and does not begin another one."""
        token = _token_of(occurrence)
        if token is not None and self.token is not None and token != self.token:
            return False
        if any(_is_alike(one, occurrence) for one in self.starts):
            return True
        if self.start is None or not self.is_over:
            # It is its own Started, which is late; or the station reports again a transaction that continues.
            goes_on = not self.is_over and occurrence.seq_no > self.last_seq_no
            return goes_on or occurrence.event_time <= self.last_time
        # From a queue: it arrived after the end, but lies before it. Clocks may count whole seconds, so a Started
        # at the time of the end begins another one.
        return bool(occurrence.offline) and self.contains(occurrence.event_time) and occurrence.event_time < self.until

    @property
    def until(self) -> datetime:
        """When it ended; without an end, the latest time that may belong to it."""
        return self.end or max(self.last_time, self.next_start or _NEVER)

    def contains(self, time: datetime) -> bool:
        """Return whether a time lies between its beginning and its end."""
        after_start = self.start is None or self.start <= time
        return after_start and (not self.is_over or time <= self.until)


async def sort_out_lives(
    repository: TransactionRepository,
    tenant_id: str,
    occurrences: Sequence[Occurrence],
    states: MutableMapping[TransactionKey, TransactionState],
) -> IdReuse:
    """Assign each event to its transaction, if its id was reused, or may be reused by this batch.

    Args:
        repository: Of the batch.
        tenant_id: Of the stations.
        occurrences: The events of the batch. The ids of those that belong to a later transaction are changed.
        states: The transactions by ids of stations. Later transactions are added.
    """
    reuse = IdReuse()
    doubtful = _doubtful(occurrences, states)
    if not doubtful:
        return reuse
    later = await repository.find_lives(tenant_id, doubtful)
    for station_id, transaction_id in sorted(doubtful):
        key = (station_id, transaction_id)
        known = [*([states[key]] if key in states else []), *later[key]]
        states.update({(station_id, state.transaction_id): state for state in later[key]})
        events = [one for one in occurrences if (one.station_id, one.transaction_id) == key]
        lives = await _load(repository, tenant_id, station_id, known, events)
        _assign(reuse, key, lives or [_Life(transaction_id)], events)
    return reuse


def id_of_life(reported_id: str, number: int) -> str:
    """Return our id of the second (third, ...) transaction with one id of its station.

    It contains a character that stations must not use (identifierString), so it can't collide with their ids.
    """
    suffix = f"#{number}"
    if len(reported_id) + len(suffix) <= LONGEST_ID:
        return reported_id + suffix
    digest = blake2b(reported_id.encode(), digest_size=5).hexdigest()
    return f"{reported_id[: LONGEST_ID - len(suffix) - len(digest) - 1]}~{digest}{suffix}"


def _doubtful(
    occurrences: Iterable[Occurrence], states: Mapping[TransactionKey, TransactionState]
) -> set[TransactionKey]:
    """Return the ids with several transactions, and those with another Started."""
    found: set[TransactionKey] = set()
    begun: set[TransactionKey] = set()
    for occurrence in occurrences:
        key = (occurrence.station_id, occurrence.transaction_id)
        state = states.get(key)
        if state is not None and state.lives is not None:
            found.add(key)
        elif occurrence.event_type == _STARTED:
            if state is not None or key in begun:
                found.add(key)
            begun.add(key)
    return found


async def _load(
    repository: TransactionRepository,
    tenant_id: str,
    station_id: str,
    known: Sequence[TransactionState],
    events: Sequence[Occurrence],
) -> list[_Life]:
    """Return the transactions with one id, in order."""
    lives = [_Life.of(state) for state in known]
    for life, following in pairwise(lives):
        life.yield_to(following.start)
    keys = {(station_id, life.transaction_id, event.seq_no, event.digest) for life in lives for event in events}
    stored = await repository.find_responses(tenant_id, keys, known)
    for life in lives:
        life.contents = {(seq_no, digest) for _, name, seq_no, digest in stored if name == life.transaction_id}
    new = [one for one in events if not any((one.seq_no, one.digest) in life.contents for life in lives)]
    times = {one.event_time for one in new if one.event_type == _STARTED}
    if times:
        loaded = await repository.load_starts(tenant_id, known, times)
        for life in lives:
            life.starts = loaded[station_id, life.transaction_id]
    return lives


def _assign(reuse: IdReuse, key: TransactionKey, lives: list[_Life], events: Sequence[Occurrence]) -> None:
    station_id, reported_id = key
    for event in events:
        life = _life_of(event, lives)
        if life is None:
            before, life = lives[-1], _Life(id_of_life(reported_id, len(lives) + 1))
            if not before.is_over:
                reuse.over[station_id, before.transaction_id] = life.transaction_id
            before.yield_to(event.event_time)
            lives.append(life)
            reuse.reported[station_id, life.transaction_id] = reported_id
            reuse.lives[key] = len(lives)
        event.transaction_id = life.transaction_id
        life.add(event)


def _life_of(event: Occurrence, lives: Sequence[_Life]) -> _Life | None:
    """Return the transaction that an event belongs to; None: it begins another one."""
    for life in lives:
        if (event.seq_no, event.digest) in life.contents:
            return life
    if not any(life.contents or life.last_seq_no >= 0 for life in lives):
        return lives[0]
    if event.event_type == _STARTED:
        return next((life for life in reversed(lives) if life.begins_with(event)), None)
    fitting = [life for life in lives if life.contains(event.event_time)]
    if fitting:
        return max(fitting, key=lambda life: (not life.is_over, life.start or _NEVER))
    if not lives[-1].is_over:
        # The clock was set meanwhile.
        return lives[-1]
    before = [life for life in lives if life.start is None or life.start <= event.event_time]
    return max(before, key=lambda life: life.start or _NEVER) if before else lives[-1]


def _token_of(occurrence: Occurrence) -> str | None:
    token = occurrence.request.id_token
    return lookup_of(token.id_token, token.type) if occurrence.request.HasField("id_token") else None


def _is_alike(one: Occurrence, other: Occurrence) -> bool:
    """Return whether two events report the same beginning: the same time, and the same register if both have one."""
    if one.event_time != other.event_time:
        return False
    own, others = list(one.request.meter_value), list(other.request.meter_value)
    return not own or not others or own == others
