"""What subscribers are told of changes of tariffs and of their assignments."""

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.events.v1.events_pb2 import Event, TariffChanged
from citrine_core.blocks.tariff_and_cost.models import StoredTariff, TariffAssignment, TariffVersion
from citrine_core.db import UnitOfWork
from citrine_core.resources.stations.tags import read_labels
from citrine_core.rpc import to_timestamp

__all__ = ["publish_assignment", "publish_tariff"]


def publish_tariff(
    work: UnitOfWork, tariff: StoredTariff, version: TariffVersion, kind: "TariffChanged.Kind.ValueType"
) -> None:
    """Stamp a tariff with the time of its change, and tell of it."""
    work.stamp(tariff)
    definition = pb.Tariff.FromString(version.definition)
    body = TariffChanged(
        tariff_id=version.tariff_id,
        kind=kind,
        version=version.version,
        currency=definition.currency,
        valid_from=definition.valid_from if definition.HasField("valid_from") else None,
        valid_to=definition.valid_to if definition.HasField("valid_to") else None,
    )
    work.emit(Event(tenant_id=version.tenant_id, tariff_changed=body))


def publish_assignment(work: UnitOfWork, row: TariffAssignment, kind: "TariffChanged.Kind.ValueType") -> None:
    """Tell that a tariff was assigned, or that an assignment ends."""
    body = TariffChanged(
        tariff_id=row.tariff_id,
        kind=kind,
        assignment_id=row.assignment_id,
        evse_id=row.evse_id,
        location_id=row.location_id,
        station_group=row.station_group,
        station_labels=read_labels(row.station_labels),
        from_time=to_timestamp(row.from_time),
        to_time=to_timestamp(row.to_time),
    )
    work.emit(Event(tenant_id=row.tenant_id, station_id=row.named_station, tariff_changed=body))
