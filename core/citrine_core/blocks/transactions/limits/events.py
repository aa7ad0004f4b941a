"""What subscribers are told of limits."""

from collections.abc import Mapping
from typing import Any

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.events.v1.events_pb2 import Event, TransactionLimitChanged

__all__ = ["limit_changed"]


def limit_changed(row: Mapping[str, Any]) -> Event:
    """Return the event that a limit came into another state."""
    changed = TransactionLimitChanged(
        transaction_id=row["transaction_id"],
        state=pb.LimitState.Name(row["state"]).removeprefix("LIMIT_STATE_"),
        reason=pb.LimitReason.Name(row["reason"]).removeprefix("LIMIT_REASON_"),
        problem=row["problem"],
    )
    return Event(tenant_id=row["tenant_id"], station_id=row["station_id"], transaction_limit_changed=changed)
