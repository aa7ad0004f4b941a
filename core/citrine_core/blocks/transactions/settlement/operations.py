"""Operations of operators on settlements; each is stored with its author and reason."""

from dataclasses import dataclass
from fractions import Fraction

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import transactions_pb2 as pb
from citrine_core.blocks.tariff_and_cost import Cause, CorrectionRow, credit, current_version, waive
from citrine_core.blocks.transactions.fold import TransactionState, fold
from citrine_core.blocks.transactions.pricing_input import TransactionCosts
from citrine_core.blocks.transactions.register_memory import RegisterMemory, load_anomalies
from citrine_core.blocks.transactions.remote_starts import retain_remote_start
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
from citrine_core.blocks.transactions.settlement.rules import reopen
from citrine_core.blocks.transactions.settlement.settlements import Settlements
from citrine_core.blocks.transactions.summaries import summary_of
from citrine_core.db import UnitOfWork
from citrine_core.errors import FailedPrecondition, NotFound
from citrine_core.resources.charge_records import DueRecord, add_due
from citrine_core.services import Services

__all__ = ["Operation", "SettlementOperations"]


@dataclass(frozen=True, slots=True)
class Operation:
    """The transaction, the author and the reason of an operation."""

    tenant_id: str
    station_id: str
    transaction_id: str
    author: str
    reason: str


class SettlementOperations:
    """Settles, reopens, waives, credits and reprices transactions for operators, within the caller's transaction."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._wait = services.settings.transaction_settle_time
        self._settlements = Settlements(services)
        self._costs = TransactionCosts(services)

    async def close(self, work: UnitOfWork, operation: Operation) -> None:
        """Close and settle an open transaction.

        Raises:
            NotFound: When there is no such transaction.
            FailedPrecondition: When it is not open.
        """
        state = await self._find(work, operation)
        if state.end_time is not None or state.closed_time is not None:
            raise FailedPrecondition("the transaction is not open")
        await self._settle(work, operation, pb.SettlementAction.KIND_CLOSE)

    async def settle(self, work: UnitOfWork, operation: Operation) -> None:
        """Settle a transaction from what is known.

        Raises:
            NotFound: When there is no such transaction.
            FailedPrecondition: When it is settled.
        """
        state = await self._find(work, operation)
        if state.settle_time is not None:
            raise FailedPrecondition("the transaction is settled")
        await self._settle(work, operation, pb.SettlementAction.KIND_SETTLE)

    async def reopen(self, work: UnitOfWork, operation: Operation) -> None:
        """Reopen a settled transaction: it waits for events again, and its late events are folded.

        Raises:
            NotFound: When there is no such transaction.
            FailedPrecondition: When it is not settled, or its events are removed.
        """
        state, now = _with_events(await self._settled(work, operation)), self._clock()
        repository = TransactionRepository(work.session)
        key = (operation.station_id, operation.transaction_id)
        if state.late_events:
            await SettlementRepository(work.session).fold_late_events(state)
            state.late_events = None
            update_time, stored = state.update_time, await repository.load_events(operation.tenant_id, [state])
            state = fold(state, stored[key])
            state.update_time = update_time
        work.emit(reopen(state, int(cost_pb.CostCorrection.REASON_REOPENED), operation.author))
        state.settle_due_time = None if self._wait is None else now + self._wait
        state.update_time = now
        # Read again, because rarely changed columns were changed by a statement.
        await repository.find_for_update(operation.tenant_id, {key})
        await repository.save([state])
        await self._record(work, operation, pb.SettlementAction.KIND_REOPEN)

    async def waive(self, work: UnitOfWork, operation: Operation) -> CorrectionRow:
        """Set the cost of a settled transaction to zero.

        Raises:
            NotFound: When there is no such transaction.
            FailedPrecondition: When it is not settled, has no price, or costs nothing.
        """
        state = await self._settled(work, operation)
        cause = Cause(int(cost_pb.CostCorrection.REASON_WAIVED), operation.reason, operation.author)
        key = (operation.tenant_id, operation.station_id, operation.transaction_id)
        correction = await waive(work, key, cause, self._clock(), summary_of(state, state.last_seq_no))
        await self._record(work, operation, pb.SettlementAction.KIND_WAIVE, correction.number)
        return correction

    async def credit(
        self, work: UnitOfWork, operation: Operation, amount: Fraction, *, refunded: bool, replaces: int | None
    ) -> CorrectionRow:
        """Take an amount off the cost of a settled transaction.

        Raises:
            NotFound: When there is no such transaction.
            InvalidArgument: When the amount has more places than the currency.
            FailedPrecondition: When it is not settled, has no price, or costs less.
            Conflict: When `replaces` is given, and another correction is the latest.
        """
        state = await self._settled(work, operation)
        reasons = cost_pb.CostCorrection
        reason = int(reasons.REASON_REFUNDED if refunded else reasons.REASON_CREDITED)
        key = (operation.tenant_id, operation.station_id, operation.transaction_id)
        cause = Cause(reason, operation.reason, operation.author)
        summary = summary_of(state, state.last_seq_no)
        correction = await credit(work, key, cause, amount, self._clock(), summary, replaces=replaces)
        await self._record(work, operation, pb.SettlementAction.KIND_CREDIT, correction.number)
        return correction

    async def reprice(self, work: UnitOfWork, operation: Operation, tariff_id: str, version: int) -> CorrectionRow:
        """Compute the cost of a settled transaction anew, by its tariff or a given one.

        Raises:
            NotFound: When there is no such transaction or tariff.
            FailedPrecondition: When it is not settled, its events are removed, it has no tariff, can't be priced, or
                costs the same, or credits are in another currency.
        """
        state = _with_events(await self._settled(work, operation))
        named = await current_version(work, operation.tenant_id, tariff_id, version) if tariff_id else None
        cause = Cause(int(cost_pb.CostCorrection.REASON_REPRICED), operation.reason, operation.author, named)
        priced = await self._costs.reckon(work, operation.tenant_id, [state], cause)
        correction = priced.corrections.get((operation.station_id, operation.transaction_id))
        if correction is None:
            raise FailedPrecondition(
                "no tariff applies, the cost can't be known, is the same as before, or credits are in another currency"
            )
        await self._record(work, operation, pb.SettlementAction.KIND_REPRICE, correction.number)
        return correction

    async def confirm_reading(self, work: UnitOfWork, operation: Operation, register_wh: float) -> None:
        """Confirm a reading that was left out because its rise is too steep, so that it is billed.

        Raises:
            NotFound: When there is no such transaction.
            FailedPrecondition: When no such reading was left out, the readings around it speak against it, or events
                were removed.
        """
        before, key = _with_events(await self._find(work, operation)), (operation.station_id, operation.transaction_id)
        left_out = {int(pb.TransactionAnomaly.KIND_OUTLIER_DROPPED), int(pb.TransactionAnomaly.KIND_REGISTER_JUMPED)}
        doubts = load_anomalies(before.anomalies)
        if not any(one.kind in left_out and one.register_wh == register_wh for one in doubts):
            raise FailedPrecondition("no reading of that height was left out")
        memory = RegisterMemory.load(before.register_state)
        memory.confirmed.append(register_wh)
        before.register_state = memory.dump()
        repository = TransactionRepository(work.session)
        events = await repository.load_events(operation.tenant_id, [before])
        state = fold(before, events[key])
        if any(one.kind in left_out and one.register_wh == register_wh for one in load_anomalies(state.anomalies)):
            raise FailedPrecondition("the readings around it speak against it: later ones are lower")
        retain_remote_start(before, state)
        state.events, state.orphaned, state.closed_time = before.events, before.orphaned, before.closed_time
        state.over_time, state.update_time = before.over_time, self._clock()
        await repository.find_for_update(operation.tenant_id, {key})
        await repository.save([state])
        correction = None
        if state.settle_time is not None:
            reason = int(cost_pb.CostCorrection.REASON_READING_CONFIRMED)
            await add_due(work.session, [DueRecord(operation.tenant_id, *key, reason, self._clock())])
            cause = Cause(reason, operation.reason, operation.author)
            priced = await self._costs.reckon(work, operation.tenant_id, [state], cause)
            correction = priced.corrections.get(key)
        number = 0 if correction is None else correction.number
        await self._record(work, operation, pb.SettlementAction.KIND_CONFIRM_READING, number)

    async def _settle(self, work: UnitOfWork, operation: Operation, kind: pb.SettlementAction.Kind.ValueType) -> None:
        key = (operation.station_id, operation.transaction_id)
        await self._settlements.settle(work, operation.tenant_id, {key}, int(cost_pb.SETTLEMENT_OPERATOR))
        await self._record(work, operation, kind)

    async def _find(self, work: UnitOfWork, operation: Operation) -> TransactionState:
        key = (operation.station_id, operation.transaction_id)
        found = await TransactionRepository(work.session).find_for_update(operation.tenant_id, {key})
        if key not in found:
            raise NotFound("transaction", operation.transaction_id)
        return found[key]

    async def _settled(self, work: UnitOfWork, operation: Operation) -> TransactionState:
        state = await self._find(work, operation)
        if state.settle_time is None:
            raise FailedPrecondition("the transaction is not settled")
        return state

    async def _record(
        self,
        work: UnitOfWork,
        operation: Operation,
        kind: pb.SettlementAction.Kind.ValueType,
        correction: int = 0,
    ) -> None:
        action = {
            "tenant_id": operation.tenant_id,
            "station_id": operation.station_id,
            "transaction_id": operation.transaction_id,
            "kind": int(kind),
            "author": operation.author,
            "reason": operation.reason,
            "correction": correction,
            "create_time": self._clock(),
        }
        await SettlementRepository(work.session).add_action(action)


def _with_events(state: TransactionState) -> TransactionState:
    if state.events_removed_time is not None:
        raise FailedPrecondition("the events of the transaction are no longer retained: it is final")
    return state
