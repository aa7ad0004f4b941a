"""Plans as the API shows them, and the events of their changes. Without input or output."""

import math
from collections.abc import Mapping
from datetime import datetime

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.smart_charging_pb2 import ChargingPlanCause, ChargingPlanState
from citrine.events.v1.events_pb2 import ChargingPlanChanged, ChargingShareGiven
from citrine_core.blocks.smart_charging.capacity.models import CapacityPlan
from citrine_core.blocks.smart_charging.capacity.sent import Sent
from citrine_core.blocks.smart_charging.capacity.sharing import LEAST_CURRENT
from citrine_core.blocks.smart_charging.capacity.situation import Running, Situation
from citrine_core.blocks.smart_charging.capacity.steps import DEFAULT, Outlook
from citrine_core.blocks.smart_charging.schedules import Curve, limit_at
from citrine_core.rpc import to_timestamp

__all__ = ["changed_event", "plan_of", "plan_to_proto", "says_the_same"]


def plan_of(
    row: CapacityPlan,
    before: pb.ChargingPlan,
    situation: Situation,
    outlook: Outlook,
    sent: Mapping[int, Sent],
    pending: Mapping[int, Curve],
    state: pb.ChargingPlanState.ValueType,
    now: datetime,
) -> pb.ChargingPlan:
    """Return the present plan.

    Args:
        row: The stored plan.
        before: The plan from the previous pass.
        situation: Situation of the station.
        outlook: The planned shares.
        sent: Last sent profiles by EVSE.
        pending: Limits that are being sent, by EVSE.
        state: State of the plan.
        now: The current time.
    """
    plan = pb.ChargingPlan(
        station_id=row.station_id,
        state=state,
        cause=row.cause,  # type: ignore[arg-type]  # stored as the number
        cause_text=row.cause_text,
        max_current_a=_finite(limit_at(situation.budget.amperes, 0.0)),
        max_power_w=_finite(limit_at(situation.budget.watts, 0.0)),
        given_a=_finite(outlook.given),
        at_risk=outlook.at_risk,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(now),
    )
    default = limit_at(outlook.shares.default, 0.0)
    given = max(limit_at(load.amperes, 0.0) for load in situation.defaults.values())
    plan.shares.append(_share(DEFAULT, "", given, default, "", sent.get(DEFAULT), pending.get(DEFAULT)))
    for one in sorted(situation.running, key=lambda one: one.evse_id):
        planned = limit_at(outlook.shares.of_evses[one.evse_id], 0.0)
        given = limit_at(one.load.amperes, 0.0)
        reason = _reason(one, situation, planned)
        plan.shares.append(
            _share(
                one.evse_id,
                one.transaction_id,
                given,
                min(planned, 10_000.0),
                reason,
                sent.get(one.evse_id),
                pending.get(one.evse_id),
            )
        )
    _carry_over_times(plan, before, now)
    return plan


def _share(
    evse_id: int,
    transaction_id: str,
    given: float,
    planned: float,
    reason: str,
    sent: Sent | None,
    pending: Curve | None,
) -> pb.ChargingShare:
    share = pb.ChargingShare(
        evse_id=evse_id,
        transaction_id=transaction_id,
        given_a=_finite(given),
        planned_a=planned,
        pending_a=None if pending is None else limit_at(pending, 0.0),
        reason=reason,
    )
    if sent is not None and sent.transaction_id == transaction_id:
        share.charging_profile_id, share.attempts = sent.profile_id, sent.attempts
        if sent.problem:
            share.reason = sent.problem
        if sent.retry_time is not None:
            share.retry_time.FromDatetime(sent.retry_time)
    return share


def _reason(one: Running, situation: Situation, planned: float) -> str:
    if one.is_throttled:
        return "it takes no power: its limit is reached, and the station does not stop it"
    if one.level is None:
        return "an operator's profile is on the highest stack level, and is not replaced"
    most = limit_at(one.claim.most, 0.0)
    if planned <= 0:
        least = max(one.claim.least, LEAST_CURRENT if not one.supply.is_dc else 0.0)
        if most < least:
            return f"its own limits leave less than the {least:g} A that a vehicle takes at least"
        return f"waits: less than {least:g} A are left"
    if one.claim.idle and len(situation.running) > 1 and planned < most:
        return "the vehicle takes no power, and has its least current"
    if planned >= most - 0.1:
        return "all that it may have or needs"
    return "its share of the capacity"


def _carry_over_times(plan: pb.ChargingPlan, before: pb.ChargingPlan, now: datetime) -> None:
    known = {(share.evse_id, share.transaction_id): share for share in before.shares}
    for share in plan.shares:
        old = known.get((share.evse_id, share.transaction_id))
        same = old is not None and old.HasField("given_a") == share.HasField("given_a") and old.given_a == share.given_a
        if same and old is not None:
            share.since.CopyFrom(old.since)
        else:
            share.since.FromDatetime(now)


def says_the_same(one: pb.ChargingPlan, other: pb.ChargingPlan) -> bool:
    """Return whether two plans are equal except for their times."""
    left, right = pb.ChargingPlan(), pb.ChargingPlan()
    left.CopyFrom(one)
    right.CopyFrom(other)
    for plan in (left, right):
        plan.ClearField("update_time")
        plan.ClearField("create_time")
    return left == right


def changed_event(plan: pb.ChargingPlan) -> ChargingPlanChanged:
    """Return the event that a plan changed."""
    return ChargingPlanChanged(
        state=ChargingPlanState.ValueType(plan.state),
        cause=ChargingPlanCause.ValueType(plan.cause),
        cause_text=plan.cause_text,
        max_current_a=plan.max_current_a if plan.HasField("max_current_a") else None,
        max_power_w=plan.max_power_w if plan.HasField("max_power_w") else None,
        given_a=plan.given_a if plan.HasField("given_a") else None,
        at_risk=plan.at_risk,
        shares=[
            ChargingShareGiven(
                evse_id=share.evse_id,
                transaction_id=share.transaction_id,
                given_a=share.given_a if share.HasField("given_a") else None,
                planned_a=share.planned_a,
                reason=share.reason,
            )
            for share in plan.shares
        ],
    )


def plan_to_proto(row: CapacityPlan) -> pb.ChargingPlan:
    """Return a plan as the API shows it; before the first pass it has no shares."""
    if row.plan:
        return pb.ChargingPlan.FromString(row.plan)
    return pb.ChargingPlan(
        station_id=row.station_id,
        state=row.state,  # type: ignore[arg-type]  # stored as the number
        cause=row.cause,  # type: ignore[arg-type]
        cause_text=row.cause_text,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
    )


def _finite(value: float) -> float | None:
    return None if value == math.inf else round(value, 3)
