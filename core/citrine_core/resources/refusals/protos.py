"""Conversion of refusals and tolerance rules to messages of the API and the link."""

from citrine.api.v1 import refusals_pb2 as pb
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine_core.resources.refusals.models import RefusalRow, ToleranceRuleRow
from citrine_core.rpc import to_timestamp

__all__ = ["etag_of", "outcome_word", "rule_to_link", "rule_to_proto", "to_proto"]


def to_proto(row: RefusalRow) -> pb.Refusal:
    """Return a refusal as the API shows it."""
    return pb.Refusal(
        station_id=row.station_id,
        outcome=pb.RefusalOutcome.ValueType(row.outcome),
        action=row.action,
        event_type=TransactionEventEnum.ValueType(number_of(TransactionEventEnum, row.event_type) or 0),
        code=row.code,
        path=row.path,
        description=row.description,
        count=row.count,
        first_time=to_timestamp(row.first_time),
        last_time=to_timestamp(row.last_time),
        last_frame=row.last_frame,
        rule_id=row.rule_id,
        remedies=[pb.ToleranceKind.ValueType(int(kind)) for kind in row.remedies.split()],
    )


def rule_to_proto(row: ToleranceRuleRow) -> pb.ToleranceRule:
    """Return a rule as the API shows it."""
    return pb.ToleranceRule(
        rule_id=row.rule_id,
        vendor_name=row.vendor_name,
        model=row.model,
        firmware_version=row.firmware_version,
        actions=row.actions.split(),
        kinds=[pb.ToleranceKind.ValueType(int(kind)) for kind in row.kinds.split()],
        description=row.description,
        uses=row.uses or 0,
        last_use_time=to_timestamp(row.last_use_time),
        update_time=to_timestamp(row.update_time),
        etag=etag_of(row),
    )


def etag_of(row: ToleranceRuleRow) -> str:
    """Return what changes with each change of a rule by an operator."""
    return f"{row.update_time:%Y%m%d%H%M%S%f}"


def rule_to_link(row: ToleranceRuleRow) -> link.ToleranceRule:
    """Return a rule as a message of the link. The kinds have the same numbers."""
    return link.ToleranceRule(
        tenant_id=row.tenant_id,
        rule_id=row.rule_id,
        vendor_name=row.vendor_name,
        model=row.model,
        firmware_version=row.firmware_version,
        actions=row.actions.split(),
        kinds=[link.ToleranceRule.Kind.ValueType(int(kind)) for kind in row.kinds.split()],
    )


def outcome_word(outcome: int) -> str:
    """Return an outcome as events and metrics name it."""
    return pb.RefusalOutcome.Name(pb.RefusalOutcome.ValueType(outcome)).removeprefix("REFUSAL_OUTCOME_")
