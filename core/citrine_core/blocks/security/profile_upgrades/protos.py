"""Upgrades as the API shows them."""

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.api.v1.security_profile_upgrades_pb2 import SecurityProfileUpgradeState
from citrine.events.v1.events_pb2 import Event, SecurityProfileUpgradeChanged
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.rpc import to_timestamp

__all__ = ["changed_event", "upgrade_to_proto"]


def upgrade_to_proto(row: SecurityProfileUpgradeRow) -> pb.SecurityProfileUpgrade:
    """Return an upgrade as the API shows it."""
    return pb.SecurityProfileUpgrade(
        upgrade_id=row.upgrade_id,
        station_id=row.station_id,
        security_profile=row.security_profile,
        configuration_slot=row.slot,
        state=pb.SecurityProfileUpgradeState.ValueType(row.state),
        reason=row.reason,
        previous_priority=row.previous_priority,
        requested_by=row.requested_by,
        create_time=to_timestamp(row.create_time),
        deadline_time=to_timestamp(row.deadline_time),
        finish_time=to_timestamp(row.finish_time),
    )


def changed_event(row: SecurityProfileUpgradeRow) -> Event:
    """Return the event that says that an upgrade came into its state."""
    body = SecurityProfileUpgradeChanged(
        upgrade_id=row.upgrade_id,
        security_profile=row.security_profile,
        state=SecurityProfileUpgradeState.ValueType(row.state),
        reason=row.reason,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, security_profile_upgrade_changed=body)
