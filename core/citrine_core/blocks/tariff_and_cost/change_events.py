"""What subscribers are told of changes of tariffs and of their assignments."""

from citrine.events.v1.events_pb2 import Event, TariffChanged
from citrine_core.blocks.tariff_and_cost.models import StoredTariff, TariffAssignment, TariffVersion
from citrine_core.blocks.tariff_and_cost.protos import assignment_to_proto, tariff_to_proto
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time

__all__ = ["publish_assignment", "publish_tariff"]


async def publish_tariff(
    work: UnitOfWork, tariff: StoredTariff, version: TariffVersion, kind: "TariffChanged.Kind.ValueType", clock: Clock
) -> None:
    """Stamp a tariff with the time of its change, and tell of it."""
    tariff.update_time = await change_time(work.session, clock)
    shown = None if kind == TariffChanged.KIND_DELETED else tariff_to_proto(tariff, version)
    body = TariffChanged(tariff_id=version.tariff_id, kind=kind, tariff=shown)
    work.emit(Event(tenant_id=version.tenant_id, tariff_changed=body))


def publish_assignment(work: UnitOfWork, row: TariffAssignment, kind: "TariffChanged.Kind.ValueType") -> None:
    """Tell that a tariff was assigned, or that an assignment ends."""
    body = TariffChanged(tariff_id=row.tariff_id, kind=kind, assignment=assignment_to_proto(row))
    work.emit(Event(tenant_id=row.tenant_id, station_id=row.named_station, tariff_changed=body))
