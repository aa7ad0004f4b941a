"""Events of limits for subscribers."""

from collections.abc import Mapping
from typing import Any

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1.transaction_limits_pb2 import ThrottleState
from citrine.events.v1.events_pb2 import Event, TransactionLimitChanged

__all__ = ["limit_changed"]


def limit_changed(
    row: Mapping[str, Any], throttle: pb.ThrottleState.ValueType = pb.THROTTLE_STATE_UNSPECIFIED
) -> Event:
    """Return the event of a changed state of a limit or its throttle.

    Args:
        row: The limit.
        throttle: State of the throttle. Unspecified: the transaction is not throttled.
    """
    changed = TransactionLimitChanged(
        transaction_id=row["transaction_id"],
        state=row["state"],
        reason=row["reason"],
        problem=row["problem"],
        throttle=ThrottleState.ValueType(throttle),
    )
    return Event(tenant_id=row["tenant_id"], station_id=row["station_id"], transaction_limit_changed=changed)
