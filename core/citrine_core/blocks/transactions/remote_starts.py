"""Matches requests for remote starts with transactions, even if the station does not repeat the id."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1.remote_control_pb2 import RemoteStartState
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum, TriggerReasonEnum
from citrine_core.blocks.remote_control import RemoteStartKey, RemoteStartRepository, record_started
from citrine_core.blocks.reservation import ReservationUse, StartedFromAfar, find_reservations_used
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState
from citrine_core.blocks.transactions.repository import TransactionKey
from citrine_core.db import UnitOfWork
from citrine_core.resources.tokens import lookup_of, type_of
from citrine_core.resources.tokens.owners import find_owners, pack_owner

__all__ = [
    "RemoteStarts",
    "claim_remote_starts",
    "claim_reservations",
    "copy_reference",
    "copy_token",
    "retain_remote_start",
]

RemoteStarts = Mapping[RemoteStartKey, Mapping[str, Any]]
"""Rows of requests to start transactions."""

LONGEST_WAIT = timedelta(hours=1)
"""Longest time from a request to a transaction that does not name it: the driver has to plug in first."""

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far the clock of a station that was offline may be behind."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No remote start is older."""

_STARTED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_STARTED
_UNSAID = TriggerReasonEnum.TRIGGER_REASON_ENUM_UNSPECIFIED
_REMOTE_START = TriggerReasonEnum.TRIGGER_REASON_ENUM_REMOTE_START
_OURS = "Central"
"""Type of tokens that a CSMS generates for a start: nobody presents them at a station (F01, F02)."""

_FAILED = RemoteStartState.REMOTE_START_STATE_FAILED


async def claim_remote_starts(
    work: UnitOfWork,
    tenant_id: str,
    occurrences: Sequence[Occurrence],
    states: Mapping[TransactionKey, TransactionState],
    named: Collection[TransactionKey],
    now: datetime,
) -> RemoteStarts:
    """Store in requests which transactions they started, and return the requests; usually there are none.

    A station must repeat the id of the request (F01.FR.25, F02.FR.01). If it does not, the request is matched by the
    event: a remote start with its EVSE, token and time. The transaction then gets the id, as if the station had sent
    it.

    Args:
        work: The unit of work.
        tenant_id: Tenant of the stations.
        occurrences: New events.
        states: Their transactions. The requests that are found are set in them.
        named: Transactions whose request is already known.
        now: The time.
    """
    started: dict[RemoteStartKey, str] = {}
    for occurrence in occurrences:
        info = occurrence.request.transaction_info
        if info.HasField("remote_start_id") and (occurrence.station_id, occurrence.transaction_id) not in named:
            started.setdefault((occurrence.station_id, info.remote_start_id), occurrence.transaction_id)
    unnamed = _unnamed(occurrences, states)
    if unnamed:
        started.update(await _match(work, tenant_id, unnamed, states, started, now))
    for (station_id, transaction_id), state in states.items():
        if state.remote_start_id is not None and state.id_token is None:
            started.setdefault((station_id, state.remote_start_id), transaction_id)
    if not started:
        return {}
    requests = await record_started(work, tenant_id, started, now)
    have = _with_tokens(occurrences, states)
    without = {key for key, transaction_id in started.items() if (key[0], transaction_id) not in have}
    return await _with_owners(work, tenant_id, requests, without & requests.keys())


def _with_tokens(
    occurrences: Iterable[Occurrence], states: Mapping[TransactionKey, TransactionState]
) -> set[TransactionKey]:
    """Return the transactions that have a token, or get it with the first of their events."""
    first: dict[TransactionKey, Occurrence] = {}
    for one in occurrences:
        first.setdefault((one.station_id, one.transaction_id), one)
    found = {
        key for key, one in first.items() if one.request.event_type == _STARTED and one.request.HasField("id_token")
    }
    return found | {key for key, state in states.items() if state.id_token is not None}


async def _with_owners(
    work: UnitOfWork, tenant_id: str, requests: RemoteStarts, without: Collection[RemoteStartKey]
) -> RemoteStarts:
    """Return requests, some of them with the owners of their tokens, which an event without a token can't tell."""
    if not without:
        return requests
    tokens = {key: _token_key(requests[key]["id_token"], requests[key]["id_token_type"]) for key in without}
    owners = await find_owners(work.session, tenant_id, set(tokens.values()))
    said = {
        key: {"group_id": owner.group_id, "token_owner": pack_owner(owner)}
        for key, token in tokens.items()
        if (owner := owners.get(token)) is not None
    }
    return {key: {**row, **said.get(key, {})} for key, row in requests.items()}


def copy_reference(state: TransactionState, requests: RemoteStarts) -> None:
    """Copy what the caller of the request that began the transaction calls it."""
    assert state.remote_start_id is not None
    request = requests.get((state.station_id, state.remote_start_id))
    if request is not None and request["transaction_id"] == state.transaction_id:
        state.reference = request["reference"]


def copy_token(state: TransactionState, requests: RemoteStarts) -> None:
    """Copy the token of the request, if the station does not repeat it (F01.FR.04)."""
    assert state.remote_start_id is not None
    request = requests.get((state.station_id, state.remote_start_id))
    if request is not None and request["transaction_id"] == state.transaction_id:
        state.id_token, state.id_token_type = request["id_token"], request["id_token_type"]
        state.id_token_lookup = lookup_of(request["id_token"], request["id_token_type"])
        state.group_id, state.token_owner = request.get("group_id") or None, request.get("token_owner")


def retain_remote_start(before: TransactionState, folded: TransactionState) -> None:
    """Retain the request, its token and the reservation that were matched, and that no event names."""
    if folded.remote_start_id is None:
        folded.remote_start_id = before.remote_start_id
    if folded.reservation_id is None:
        folded.reservation_id = before.reservation_id
    if folded.id_token is None:
        folded.id_token, folded.id_token_type = before.id_token, before.id_token_type
        folded.id_token_lookup, folded.id_token_status = before.id_token_lookup, before.id_token_status
        folded.group_id, folded.token_owner = before.group_id, before.token_owner
    folded.reference = before.reference


async def claim_reservations(
    work: UnitOfWork,
    tenant_id: str,
    occurrences: Iterable[Occurrence],
    states: Mapping[TransactionKey, TransactionState],
) -> list[ReservationUse]:
    """Set the reservations of remotely started transactions that name none; return their uses."""
    first: dict[TransactionKey, Occurrence] = {}
    for occurrence in occurrences:
        key = (occurrence.station_id, occurrence.transaction_id)
        trigger, state = occurrence.request.trigger_reason, states[key]
        is_remote = trigger == _REMOTE_START or (trigger == _UNSAID and state.remote_start_id is not None)
        if is_remote and state.reservation_id is None:
            first.setdefault(key, occurrence)
    starts = [
        StartedFromAfar(*key, state.evse_id, state.id_token_lookup)
        for key in first
        if (state := states[key]).id_token_lookup is not None
    ]
    uses = []
    for key, reservation_id in (await find_reservations_used(work, tenant_id, starts)).items():
        states[key].reservation_id = reservation_id
        uses.append(ReservationUse(key[0], reservation_id, key[1], first[key].event_time))
    return uses


def _unnamed(
    occurrences: Iterable[Occurrence], states: Mapping[TransactionKey, TransactionState]
) -> dict[TransactionKey, Occurrence]:
    """Return the first event of each remotely started transaction that names no request."""
    found: dict[TransactionKey, Occurrence] = {}
    for occurrence in occurrences:
        request = occurrence.request
        # A start whose version can't say why it began may be a remote one.
        is_unsaid = request.event_type == _STARTED and request.trigger_reason == _UNSAID
        if request.trigger_reason != _REMOTE_START and request.id_token.type != _OURS and not is_unsaid:
            continue
        key = (occurrence.station_id, occurrence.transaction_id)
        if states[key].remote_start_id is None:
            found.setdefault(key, occurrence)
    named = {
        (one.station_id, one.transaction_id)
        for one in occurrences
        if found and one.request.transaction_info.HasField("remote_start_id")
    }
    return {key: occurrence for key, occurrence in found.items() if key not in named}


async def _match(
    work: UnitOfWork,
    tenant_id: str,
    unnamed: Mapping[TransactionKey, Occurrence],
    states: Mapping[TransactionKey, TransactionState],
    claimed: Mapping[RemoteStartKey, str],
    now: datetime,
) -> dict[RemoteStartKey, str]:
    # A clock that was never set may say the year 1, before which there is none.
    times = (max(one.event_time, EARLIEST) for one in unnamed.values() if one.offline)
    since = min([now, *times]) - LONGEST_WAIT
    rows = await RemoteStartRepository(work.session).find_claimable(
        tenant_id, {station_id for station_id, _ in unnamed}, since
    )
    matches: dict[RemoteStartKey, str] = {}
    for key, occurrence in unnamed.items():
        ranked = [
            (rank, row)
            for row in rows
            if (row.station_id, row.remote_start_id) not in (claimed.keys() | matches.keys())
            and (rank := _rank(row, occurrence, states[key], now)) is not None
        ]
        if ranked:
            row = max(ranked, key=lambda one: one[0])[1]
            states[key].remote_start_id = row.remote_start_id
            matches[row.station_id, row.remote_start_id] = occurrence.transaction_id
    return matches


def _rank(row: Any, occurrence: Occurrence, state: TransactionState, now: datetime) -> tuple[Any, ...] | None:
    """Return how well a request matches the event; higher is better; None: it can't match."""
    request = occurrence.request
    if row.station_id != occurrence.station_id or row.transaction_id not in ("", occurrence.transaction_id):
        return None
    time = occurrence.event_time if occurrence.offline else now
    if not row.transaction_id and not row.create_time - CLOCK_TOLERANCE <= time <= row.create_time + LONGEST_WAIT:
        return None
    evse_id = request.evse.id if request.evse.id > 0 else state.evse_id
    if None not in (row.evse_id, evse_id) and row.evse_id != evse_id:
        return None
    token = request.id_token if request.HasField("id_token") else None
    if request.trigger_reason == _UNSAID and (token is None or row.state == _FAILED):
        # Only its token speaks for a remote start, and a station that refused it did not begin it.
        return None
    if token is not None and _token_key(row.id_token, row.id_token_type) != _token_key(token.id_token, token.type):
        return None
    return (
        bool(row.transaction_id),
        row.state != _FAILED,
        row.evse_id is not None and row.evse_id == evse_id,
        row.create_time,
        row.remote_start_id,
    )


def _token_key(id_token: str, type_name: str) -> tuple[str, str]:
    return lookup_of(id_token, type_name), type_of(type_name)
