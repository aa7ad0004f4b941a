"""Handlers of messages about transactions."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection
from citrine.api.v1.transactions_pb2 import TransactionCheck
from citrine.ocpp.v2.transactions_pb2 import (
    TransactionEventEnum,
    TransactionEventRequest,
    TransactionEventResponse,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdTokenInfo
from citrine_core.blocks.authorization import Authorizations, Presented, Purpose, name_types, record_decisions
from citrine_core.blocks.reservation import ReservationUse, use_reservations
from citrine_core.blocks.tariff_and_cost import Cause
from citrine_core.blocks.transactions.batch import Batch, key_of, read_batch, store_batch
from citrine_core.blocks.transactions.batch_fold import BatchFold
from citrine_core.blocks.transactions.checks import CheckRepository
from citrine_core.blocks.transactions.clock_rule import ClockRule
from citrine_core.blocks.transactions.deferrals import is_large
from citrine_core.blocks.transactions.energy_count import count_energy, energy_of
from citrine_core.blocks.transactions.fold import Occurrence
from citrine_core.blocks.transactions.late_events import counts, is_settled
from citrine_core.blocks.transactions.limits import LimitBeginnings, LimitedEvents
from citrine_core.blocks.transactions.numbers import assign_numbers, queued_offline
from citrine_core.blocks.transactions.pricing_batch import Heard
from citrine_core.blocks.transactions.pricing_input import TransactionCosts
from citrine_core.blocks.transactions.refolds import doubt_events
from citrine_core.blocks.transactions.remote_starts import claim_reservations
from citrine_core.blocks.transactions.repository import FIND_AND_LOCK, EventKey, TransactionKey, TransactionRepository
from citrine_core.blocks.transactions.settlement import EndProofs, reopen, settle_by_events
from citrine_core.blocks.transactions.summaries import put_cost
from citrine_core.blocks.transactions.unmatched import store_unmatched
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, FirstQuery, handles
from citrine_core.resources.tokens.owners import owner_of, pack_owner
from citrine_core.services import Services

__all__ = ["TransactionsHandlers"]

_ACCEPTED = int(AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED)
_ENDED = TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
_STOP_AUTHORIZED = TriggerReasonEnum.TRIGGER_REASON_ENUM_STOP_AUTHORIZED


def _key_of_call(call: Call[TransactionEventRequest]) -> TransactionKey:
    return call.station_id, call.message.transaction_info.transaction_id


_FIND_TRANSACTIONS = FirstQuery(FIND_AND_LOCK.on, _key_of_call)


class TransactionsHandlers:
    """Handles TransactionEvent (functional block E)."""

    def __init__(
        self,
        services: Services,
        wake_checks: Callable[[], None] | None = None,
        wake_refolds: Callable[[], None] | None = None,
    ) -> None:
        """Create the handlers.

        Args:
            services: Clock and settings.
            wake_checks: Called after the commit if a station must be asked for missing events.
            wake_refolds: Called after the commit if a transaction is to be folded later.
        """
        self._services = services
        self._clock = services.clock
        self._clock_tolerance = services.settings.station_clock_tolerance
        self._authorizations = Authorizations(services)
        self._counters = services.counters
        self._check_delay = services.settings.transaction_check_delay
        self._wake_checks = wake_checks
        self._wake_refolds = wake_refolds
        self._costs = TransactionCosts(services)
        self._clocks = ClockRule(services)
        self._limits = LimitBeginnings(services)
        self._proofs = EndProofs(services)
        self._settle_time = services.settings.transaction_settle_time
        power_kw = services.settings.evse_power_kw
        self._evse_power_w = None if power_kw is None else 1000 * power_kw

    @handles(TransactionEventRequest, batched=True, own_key=True, first_query=_FIND_TRANSACTIONS)
    async def transaction_events(
        self,
        work: UnitOfWork,
        calls: Sequence[Call[TransactionEventRequest]],
        rows: Sequence[Sequence[Any]] | None = None,
    ) -> Sequence[TransactionEventResponse]:
        """Store new events, fold them into their transactions, and answer (E01.FR.11, J02.FR.19).

        No event is refused, whatever is known of the transaction: a station discards what is refused. A duplicate is
        answered as the first time.
        """
        tenant_id, now = calls[0].tenant_id, self._clock()
        repository = TransactionRepository(work.session)
        seen = await assign_numbers(work, tenant_id, calls)
        batch = await read_batch(repository, tenant_id, calls, rows, seen)
        await self._complete(work, batch, calls)
        if batch.fresh:
            await self._clocks.load(work, tenant_id, batch.fresh.values())
            _answer(batch, await self._decide(work, tenant_id, batch))
            missing = {key: state.missing for key, state in batch.states.items()}
            settled = _open_again(work, batch)
            energy = energy_of(batch.states)
            named = {key for key, state in batch.states.items() if state.remote_start_id is not None}
            folded = BatchFold(work, repository, tenant_id, batch, settled, now, self._evse_power_w)
            await folded.run()
            count_energy(work, self._counters, energy, batch.states)
            heard = [one for one in batch.fresh.values() if not one.late]
            clocks = self._clocks.examine(tenant_id, heard, batch.states)
            ended = await self._settle(work, batch, heard, folded.deferred, now)
            for event in doubt_events(batch.states, clocks, batch.new, ended):
                work.emit(event)
            await self._ask_for_missing(work, batch, missing, ended, now)
            unsettled = [one for one in batch.fresh.values() if (one.station_id, one.transaction_id) not in settled]
            implied = await claim_reservations(work, tenant_id, unsettled, batch.states)
            await self._price(work, tenant_id, batch, folded)
            if settled:
                await self._correct(work, tenant_id, batch, folded)
            if folded.is_waiting and self._wake_refolds is not None:
                work.after_commit(self._wake_refolds)
            await self._limits.begin(work, _limited(tenant_id, batch, named), now)
            await store_batch(work, repository, batch, now)
            placed = batch.new | batch.unplaced
            await self._proofs.begun(work, tenant_id, [batch.states[key] for key in placed], are_new=not batch.unplaced)
            # H01.FR.15: no query, unless an event names a reservation.
            await use_reservations(work, tenant_id, [*_uses(batch), *implied], now)
        return [batch.responses[key_of(occurrence)] for occurrence in batch.occurrences]

    async def _complete(self, work: UnitOfWork, batch: Batch, calls: Sequence[Call[TransactionEventRequest]]) -> None:
        """Add to new events what versions of OCPP can't say: the types of tokens, and whether they were queued.

        Events that belong to no transaction are stored here, and answered without a decision on their tokens, which
        stations would cache.
        """
        if batch.unmatched:
            await store_unmatched(work, batch.occurrences[0].tenant_id, batch.unmatched.values())
            batch.responses |= {key: TransactionEventResponse() for key in batch.unmatched}
        await name_types(work, self._services, [call for call in calls if not call.repeated])
        for call, occurrence in zip(calls, batch.occurrences, strict=True):
            if call.message is not occurrence.request:
                occurrence.replace_request(call.message)
            if occurrence.offline is None and queued_offline(call, self._clock_tolerance):
                occurrence.offline = True

    async def _decide(self, work: UnitOfWork, tenant_id: str, batch: Batch) -> Mapping[EventKey, IdTokenInfo]:
        """Return the decisions on the tokens in events (E01.FR.11, C12.FR.03)."""
        presented = {
            key: _presented(batch, key, occurrence, self._clocks.presented_time(occurrence))
            for key, occurrence in batch.fresh.items()
            if occurrence.request.HasField("id_token")
        }
        if not presented:
            return {}
        decisions = await self._authorizations.decide(work, tenant_id, list(presented.values()))
        await record_decisions(work, decisions, self._clock())
        for decision in decisions:
            starts = decision.presented.purpose is Purpose.START
            if starts and decision.accepted and decision.token is not None:
                batch.tokens[decision.presented.station_id, decision.presented.transaction_id] = decision.token
        decided = dict(zip(presented, decisions, strict=True))
        for key, decision in decided.items():
            if decision.token is not None:
                batch.fresh[key].token_owner = pack_owner(owner_of(decision.token))
        return {key: decision.info for key, decision in decided.items()}

    async def _settle(
        self,
        work: UnitOfWork,
        batch: Batch,
        heard: Iterable[Occurrence],
        deferred: Collection[TransactionKey],
        now: datetime,
    ) -> set[TransactionKey]:
        """Settle the transactions with their end and all events; return those that just ended with events missing."""
        waiting = set()
        for key in {(one.station_id, one.transaction_id): None for one in heard}:
            if key in deferred:
                continue
            state = batch.states[key]
            was_waiting = state.settle_due_time is not None
            if settle_by_events(state, now, self._settle_time) and not was_waiting:
                waiting.add(key)
        for key, next_id in batch.reuse.over.items():
            await self._proofs.mark(work, batch.states[key], now, next_id)
        return waiting

    async def _price(self, work: UnitOfWork, tenant_id: str, batch: Batch, folded: BatchFold) -> None:
        """Set the costs in answers, states and events. An answer has no total if the cost is not computed yet."""
        heard = Heard(
            tenant_id,
            batch.fresh,
            batch.responses,
            batch.states,
            batch.new,
            folded.anew,
            folded.deferred,
            folded.ended_before,
        )
        priced = await self._costs.settle(work, heard)
        for key, total in priced.totals.items():
            put_cost(folded.published.get(key, ()), total)
        postponed = priced.postponed
        for key in postponed:
            folded.defer(key)
        if folded.deferred or postponed:
            for event, response in batch.responses.items():
                if event in batch.fresh and (event[:2] in folded.deferred or event[:2] in postponed):
                    response.ClearField("total_cost")

    async def _correct(self, work: UnitOfWork, tenant_id: str, batch: Batch, folded: BatchFold) -> None:
        """Correct the costs of settled transactions by late events; those of large ones are deferred."""
        fresh: dict[TransactionKey, list[Occurrence]] = {}
        for one in batch.fresh.values():
            key = (one.station_id, one.transaction_id)
            if one.late and counts(batch.states[key], one):
                if is_large(batch.states[key], ends=False):
                    folded.defer(key)
                else:
                    fresh.setdefault(key, []).append(one)
        if fresh:
            cause = Cause(int(CostCorrection.REASON_LATE_EVENT))
            await self._costs.reckon(work, tenant_id, [batch.states[key] for key in fresh], cause, fresh)

    async def _ask_for_missing(
        self,
        work: UnitOfWork,
        batch: Batch,
        missing: Mapping[TransactionKey, int],
        ended: Collection[TransactionKey],
        now: datetime,
    ) -> None:
        """Schedule checks for events that are missing by this batch (E14)."""
        reasons = {
            (state.tenant_id, *key): TransactionCheck.REASON_GAP
            for key, state in batch.states.items()
            if state.missing > missing.get(key, 0) or key in ended
        }
        if reasons:
            await CheckRepository(work.session).schedule(reasons, now + self._check_delay)
            if self._wake_checks is not None:
                work.after_commit(self._wake_checks)


def _presented(batch: Batch, key: EventKey, occurrence: Occurrence, time: datetime | None) -> Presented:
    request = occurrence.request
    state = batch.states.get((occurrence.station_id, occurrence.transaction_id))
    stops = request.event_type == _ENDED or request.trigger_reason == _STOP_AUTHORIZED
    return Presented(
        occurrence.station_id,
        request.id_token,
        Purpose.STOP if stops else Purpose.START,
        request.evse.id if request.evse.id > 0 else state.evse_id if state is not None else None,
        occurrence.transaction_id,
        time,
        batch.findings.get(key),
        state is not None and state.id_token_status == _ACCEPTED,
    )


def _limited(tenant_id: str, batch: Batch, named: Collection[TransactionKey]) -> LimitedEvents:
    newest = {
        (one.station_id, one.transaction_id): (one.request, batch.responses[key]) for key, one in batch.fresh.items()
    }
    return LimitedEvents(tenant_id, batch.tokens, named, batch.states, newest)


def _answer(batch: Batch, infos: Mapping[EventKey, IdTokenInfo]) -> None:
    for key, occurrence in batch.fresh.items():
        response, request = TransactionEventResponse(), occurrence.request
        info = infos.get(key)
        if info is not None:
            response.id_token_info.CopyFrom(info)
            occurrence.token_status = info.status
            occurrence.group_id = info.group_id_token.id_token or None
        if request.event_type == _ENDED:
            state = batch.states.get((occurrence.station_id, occurrence.transaction_id))
            if state is not None and state.total_cost is not None:
                # I03.FR.02: the total that the driver was shown last.
                response.total_cost = state.total_cost
        batch.responses[key] = response


def _open_again(work: UnitOfWork, batch: Batch) -> set[TransactionKey]:
    """Reopen closed transactions with new events and without an end; return those that are settled for good."""
    settled = {key for key, state in batch.states.items() if is_settled(state)}
    for key in {(one.station_id, one.transaction_id): None for one in batch.fresh.values()}:
        state = batch.states.get(key)
        if state is not None and state.settle_time is not None and key not in settled:
            work.emit(reopen(state, int(CostCorrection.REASON_CONTINUED)))
    return settled


def _uses(batch: Batch) -> list[ReservationUse]:
    return [
        ReservationUse(one.station_id, one.request.reservation_id, one.transaction_id, one.event_time)
        for one in batch.fresh.values()
        if one.request.HasField("reservation_id")
    ]
