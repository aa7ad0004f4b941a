"""What a station is told at its boot, and what it says of itself."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine_core.db import one_of
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.stations.models import Station
from citrine_core.resources.tenants.queries import asks_inventory

__all__ = ["Policy", "RegistrationRepository"]


class Policy(NamedTuple):
    """What decides on the answer to a station's boot."""

    boot_policy: int
    """citrine.api.v1.BootPolicy"""
    boot_interval: int | None
    """Seconds. None: the setting of the core."""
    configuration_id: str | None
    """The configuration that it names itself."""
    registration: int | None
    """citrine.ocpp.v2.RegistrationStatusEnum that it was told last. None: it never booted."""
    hardware: bytes | None
    """Serialised citrine.ocpp.v2.ChargingStation of the boot before. None: it never booted."""
    inventory_due_time: datetime | None
    """When its inventory is to be asked for."""
    asks_inventory: bool
    """Whether its tenant wants the inventory of stations that are new or changed."""


_AT_BOOT = ("registration", "hardware", "boot_reason", "boot_time", "inventory_due_time", "inventory_attempts")


class RegistrationRepository:
    """What a station is told at its boot, and what it says of itself."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_policies(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, Policy]:
        """Return what decides on the answer to a boot, of each station that there is."""
        table = Station.__table__.c
        rows = await (await self._session.connection()).execute(
            select(
                table.station_id,
                table.boot_policy,
                table.boot_interval,
                table.configuration_id,
                table.registration,
                table.hardware,
                table.inventory_due_time,
                asks_inventory(tenant_id),
            ).where(table.tenant_id == tenant_id, one_of(self._session, table.station_id, station_ids))
        )
        return {station_id: Policy(*rest) for station_id, *rest in rows}

    async def put_boots(self, tenant_id: str, boots: Mapping[str, Mapping[str, Any]]) -> None:
        """Store what stations said at their boot and the registration that they were told, by station."""
        if not boots:
            return
        table = Station.metadata.tables["stations"]
        statement = (
            update(table)
            .where(table.c.tenant_id == tenant_id, table.c.station_id == bindparam("of_station"))
            .values({name: bindparam(name) for name in _AT_BOOT})
        )
        # Always in the same order, so that two cores never wait for each other's rows.
        rows = [{"of_station": station_id, **boots[station_id]} for station_id in sorted(boots)]
        await (await self._session.connection()).execute(statement, rows)

    async def due_inventories(self, now: datetime, limit: int) -> Sequence[tuple[str, str, datetime]]:
        """Return stations to ask for their inventory, accepted and connected: tenant, station and time."""
        row = Station
        rows = await self._session.execute(
            select(row.tenant_id, row.station_id, row.inventory_due_time)
            .where(
                row.inventory_due_time <= now,
                row.registration == REGISTRATION_STATUS_ENUM_ACCEPTED,
                is_connected(row.tenant_id, row.station_id),
            )
            .order_by(row.inventory_due_time)
            .limit(limit)
        )
        return [(tenant_id, station_id, time) for tenant_id, station_id, time in rows if time is not None]

    async def claim_inventory(
        self, tenant_id: str, station_id: str, due_time: datetime, later: datetime, attempts: int
    ) -> bool:
        """Take it on to ask a station for its inventory; return False where another core was quicker.

        It is due again at a later time, unless the station answers; after so many attempts it is not any more.
        """
        row = Station
        result = await self._session.execute(
            update(row)
            .where(row.tenant_id == tenant_id, row.station_id == station_id, row.inventory_due_time == due_time)
            .values(
                inventory_attempts=row.inventory_attempts + 1,
                inventory_due_time=case((row.inventory_attempts + 1 < attempts, later), else_=None),
            )
            .execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount == 1

    async def inventory_settled(self, tenant_id: str, station_id: str) -> None:
        """Note that there is no reason any more to ask a station for its inventory."""
        row = Station
        await self._session.execute(
            update(row)
            .where(row.tenant_id == tenant_id, row.station_id == station_id, row.inventory_due_time.is_not(None))
            .values(inventory_due_time=None)
            .execution_options(synchronize_session=False)
        )

    async def promote_next_password(self, tenant_id: str, station_id: str) -> None:
        """Let the password that was sent to a station be its only one."""
        await self._session.execute(
            update(Station)
            .where(
                Station.tenant_id == tenant_id,
                Station.station_id == station_id,
                Station.next_password_hash.is_not(None),
            )
            .values(
                password_hash=Station.next_password_hash,
                next_password_hash=None,
                credential_version=Station.credential_version + 1,
            )
        )

    async def drop_next_password(self, tenant_id: str, station_id: str) -> None:
        """Forget the password that was sent to a station and that it did not take."""
        await self._session.execute(
            update(Station)
            .where(
                Station.tenant_id == tenant_id,
                Station.station_id == station_id,
                Station.next_password_hash.is_not(None),
            )
            .values(next_password_hash=None, credential_version=Station.credential_version + 1)
        )
