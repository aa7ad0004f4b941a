"""What a transaction waits for before it is settled."""

from typing import Any

from citrine.api.v1 import charge_records_pb2 as pb
from citrine_core.blocks.transactions.queries import UnsettledTransaction
from citrine_core.rpc import to_timestamp

__all__ = ["unsettled_to_proto", "waits_of"]


def waits_of(one: UnsettledTransaction) -> list[pb.SettlementWait.ValueType]:
    """Return all that a transaction waits for."""
    row, found = one.row, []
    if row.refold_due_time is not None:
        found.append(pb.SETTLEMENT_WAIT_REFOLD)
    if row.end_time is None:
        found.append(_end(row))
    elif row.start_time is None:
        found.append(pb.SETTLEMENT_WAIT_BEGINNING)
    if row.end_time is not None and one.missing_events > (row.start_time is None):
        found.append(pb.SETTLEMENT_WAIT_EVENTS)
    if row.reopening is not None:
        found.append(pb.SETTLEMENT_WAIT_REOPENED)
    return found


def _end(row: Any) -> pb.SettlementWait.ValueType:
    if row.over_time is not None:
        return pb.SETTLEMENT_WAIT_OVER
    return pb.SETTLEMENT_WAIT_ORPHANED if row.orphaned else pb.SETTLEMENT_WAIT_END


def unsettled_to_proto(one: UnsettledTransaction) -> pb.UnsettledTransaction:
    """Return an unsettled transaction as the API shows it."""
    row = one.row
    return pb.UnsettledTransaction(
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        waits_for=waits_of(one),
        settle_due_time=to_timestamp(row.settle_due_time),
        start_time=to_timestamp(row.start_time),
        end_time=to_timestamp(row.end_time),
        evse_id=row.evse_id,
        energy_wh=row.energy_wh,
        missing_events=one.missing_events,
        update_time=to_timestamp(row.update_time),
    )
