"""Events of limits for subscribers."""

from collections.abc import Mapping, Sequence
from typing import Any

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.events.v1.events_pb2 import Event, TransactionLimitChanged
from citrine_core.blocks.transactions.queries import find_rows
from citrine_core.blocks.transactions.summaries import summary_of
from citrine_core.db import UnitOfWork

__all__ = ["Change", "publish_changes"]

Change = tuple[Mapping[str, Any], pb.ThrottleState.ValueType]
"""A limit, and the state of the throttle of its transaction. Unspecified: it is not throttled."""


async def publish_changes(work: UnitOfWork, tenant_id: str, changes: Sequence[Change]) -> None:
    """Emit the events of changed states of limits or their throttles, with their transactions, by one statement."""
    if not changes:
        return
    keys = [(row["station_id"], row["transaction_id"]) for row, _ in changes]
    transactions = await find_rows(work.session, tenant_id, keys)
    for key, (row, throttle) in zip(keys, changes, strict=True):
        found = transactions.get(key)
        changed = TransactionLimitChanged(
            transaction_id=key[1],
            state=row["state"],
            reason=row["reason"],
            problem=row["problem"],
            throttle=throttle,
            transaction=summary_of(found, found.last_seq_no) if found is not None else None,
        )
        work.emit(Event(tenant_id=tenant_id, station_id=key[0], transaction_limit_changed=changed))
