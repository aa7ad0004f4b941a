"""Proofs that a transaction is over although its end has not arrived: other events at its EVSE.

An EVSE serves one vehicle at a time. If another transaction begins there, or its connector becomes available, the open
transaction is over. It no longer counts for its driver, and is settled after a while, unless its station reports more
of it: a station sends queued messages once it is connected again.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from citrine.events.v1.events_pb2 import Event, TransactionOver, TransactionSummary
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, StatusNotificationRequest
from citrine.ocpp.v2.diagnostics_pb2 import NotifyEventRequest
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine_core.blocks.availability import status_of_event
from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.known_costs import add_costs
from citrine_core.blocks.transactions.repository import TransactionKey
from citrine_core.blocks.transactions.settlement.repository import EVSEProof, SettlementRepository
from citrine_core.blocks.transactions.summaries import summary_of
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call
from citrine_core.services import Services

__all__ = ["EndProofs"]

_IDLE = int(ChargingStateEnum.CHARGING_STATE_ENUM_IDLE)
_AVAILABLE = ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_AVAILABLE


class EndProofs:
    """Marks open transactions that are proven to be over."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._grace = services.settings.transaction_over_grace

    async def observe(self, work: UnitOfWork, calls: Sequence[Call[Any]]) -> None:
        """Mark the open transactions at connectors that stations report as available, by either message (G01)."""
        kind = type(calls[0].message)
        if kind is StatusNotificationRequest:
            proofs = [proof for call in calls if (proof := _of_status(call)) is not None]
        elif kind is NotifyEventRequest:
            proofs = [proof for call in calls for proof in _of_events(call)]
        else:
            return
        if proofs:
            await self._mark(work, calls[0].tenant_id, proofs)

    async def begun(
        self, work: UnitOfWork, tenant_id: str, states: Collection[TransactionState], *, are_new: bool
    ) -> None:
        """Mark the open transactions at EVSEs where others began. Must be called after those are stored.

        Args:
            work: The unit of work of the batch.
            tenant_id: Tenant of the stations.
            states: The transactions.
            are_new: Whether the transactions are new in this batch; else their EVSEs are.
        """
        proofs = [
            EVSEProof(state.station_id, state.evse_id, 0, state.start_time, state.transaction_id)
            for state in states
            if state.evse_id is not None and state.start_time is not None
        ]
        if proofs:
            # Usually each is the only one at its EVSE, and none is over.
            are_alone = are_new and len({proof[:2] for proof in proofs}) == len(states)
            before = (min if are_alone else max)(state.sequence for state in states)
            await self._mark(work, tenant_id, proofs, before)

    async def mark(self, work: UnitOfWork, state: TransactionState, now: datetime, next_id: str) -> None:
        """Mark an open transaction, in its state, as over because its id was reused."""
        state.over_time, state.settle_due_time = now, now + self._grace
        key, summary = (state.station_id, state.transaction_id), summary_of(state, state.last_seq_no)
        await add_costs(work, state.tenant_id, {key: summary})
        work.emit(_event(state.tenant_id, key, next_id, summary))

    async def _mark(
        self, work: UnitOfWork, tenant_id: str, proofs: Collection[EVSEProof], before: int | None = None
    ) -> None:
        repository, now = SettlementRepository(work.session), self._clock()
        by_place: dict[tuple[str, int], list[EVSEProof]] = {}
        for proof in proofs:
            by_place.setdefault((proof.station_id, proof.evse_id), []).append(proof)
        over: dict[TransactionKey, str] = {}
        for row in await repository.find_over(tenant_id, by_place, *([] if before is None else [before])):
            found = next((one for one in by_place[row.station_id, row.evse_id] if _proves(one, row)), None)
            if found is not None:
                over[row.station_id, row.transaction_id] = found.transaction_id
        if over:
            rows = await repository.mark_over(tenant_id, over, now, now + self._grace)
            summaries = {(row.station_id, row.transaction_id): summary_of(row, row.last_seq_no) for row in rows}
            await add_costs(work, tenant_id, summaries)
            for key, next_id in over.items():
                work.emit(_event(tenant_id, key, next_id, summaries[key]))


def _of_status(call: Call[StatusNotificationRequest]) -> EVSEProof | None:
    status = call.message
    if status.connector_status != _AVAILABLE or status.evse_id <= 0:
        return None
    time = status.timestamp.ToDatetime(UTC) if status.HasField("timestamp") else call.receive_time
    return EVSEProof(call.station_id, status.evse_id, status.connector_id, time)


def _of_events(call: Call[NotifyEventRequest]) -> Iterable[EVSEProof]:
    for event in call.message.event_data:
        report = status_of_event(call.station_id, event, call.receive_time)
        # The status of a whole station does not prove anything about its EVSEs.
        if report is not None and report.status == _AVAILABLE and report.evse_id > 0:
            yield EVSEProof(call.station_id, report.evse_id, report.connector_id, report.time)


def _proves(proof: EVSEProof, row: Row[Any]) -> bool:
    """Return whether a transaction is over. A report on the past does not outweigh later reports."""
    if proof.transaction_id == row.transaction_id:
        return False
    if not proof.transaction_id and row.charging_state == _IDLE:
        # A driver who is authorised first has not plugged in yet.
        return False
    if proof.connector_id and row.connector_id not in (None, proof.connector_id):
        return False
    return bool(proof.time > row.last_event_time)


def _event(tenant_id: str, key: TransactionKey, next_id: str, summary: TransactionSummary) -> Event:
    body = TransactionOver(transaction_id=key[1], next_transaction_id=next_id, transaction=summary)
    return Event(tenant_id=tenant_id, station_id=key[0], transaction_over=body)
