"""The registration of stations: the answer to a boot, and what the station reports at it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CursorResult, Select, and_, bindparam, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine_core.clock import utc_now
from citrine_core.db import Due
from citrine_core.db.changes import change_time
from citrine_core.db.one_of import one_of, one_of_packed, pack
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.stations.models import Station
from citrine_core.resources.tenants.queries import asks_inventory

__all__ = ["Condition", "DueInventory", "Policy", "RegistrationRepository", "policies_beside"]

Condition = Callable[[Any, Any], ColumnElement[bool]]
"""Returns what is to be known of the station of two columns, tenant and id."""


class Policy(NamedTuple):
    """The columns that decide on the answer to a station's boot."""

    boot_policy: int
    """citrine.api.v1.BootPolicy"""
    boot_interval: int | None
    """Seconds. None: the setting of the core."""
    configuration_id: str | None
    """Id of the configuration that an operator chose for it."""
    registration: int | None
    """citrine.ocpp.v2.RegistrationStatusEnum of the last answer to a boot. None: it never booted."""
    hardware: bytes | None
    """Serialised citrine.ocpp.v2.ChargingStation of the previous boot. None: it never booted."""
    inventory_due_time: datetime | None
    """When to request its inventory."""
    asks_inventory: bool
    """Whether the inventory of new or changed stations is requested for its tenant."""


_AT_BOOT = (
    *("registration", "hardware", "vendor_name", "model", "firmware_version"),
    *("boot_reason", "boot_time", "inventory_due_time", "inventory_attempts"),
)

_TABLE = Station.metadata.tables["stations"]

_POLICIES = select(
    _TABLE.c.station_id,
    _TABLE.c.boot_policy,
    _TABLE.c.boot_interval,
    _TABLE.c.configuration_id,
    _TABLE.c.registration,
    _TABLE.c.hardware,
    _TABLE.c.inventory_due_time,
    asks_inventory(bindparam("tenant_id")),
).where(_TABLE.c.tenant_id == bindparam("tenant_id"), one_of_packed((_TABLE.c.station_id,), "stations"))

_PUT_BOOTS = (
    update(_TABLE)
    .where(_TABLE.c.tenant_id == bindparam("of_tenant"), _TABLE.c.station_id == bindparam("of_station"))
    .values({name: bindparam(name) for name in (*_AT_BOOT, "update_time")})
)


def policies_beside(*conditions: Condition) -> Select[Any]:
    """Return a query for `find_policies` that also tells which conditions are true of a station."""
    return _POLICIES.add_columns(*(condition(_TABLE.c.tenant_id, _TABLE.c.station_id) for condition in conditions))


class DueInventory(NamedTuple):
    """A station whose inventory is due."""

    tenant_id: str
    station_id: str
    due_time: datetime
    can_be_asked: bool
    """Whether it is accepted and connected."""


class RegistrationRepository:
    """Reads and writes the registration of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_policies(
        self, query: Select[Any], tenant_id: str, station_ids: Collection[str]
    ) -> dict[str, tuple[Policy, Sequence[bool]]]:
        """Return the policies of those stations that exist, and which conditions of the query are true of each."""
        values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in station_ids)}
        rows = await (await self._session.connection()).execute(query, values)
        count = len(Policy._fields)
        return {station_id: (Policy(*rest[:count]), rest[count:]) for station_id, *rest in rows}

    async def put_boots(self, tenant_id: str, boots: Mapping[str, Mapping[str, Any]]) -> None:
        """Store the reports of stations at their boot, and the registrations in the answers, by station."""
        if not boots:
            return
        beside = {"of_tenant": tenant_id, "update_time": await change_time(self._session, utc_now)}
        # All writers use the same order, so that two cores can't deadlock.
        rows = [{**beside, "of_station": station_id, **boots[station_id]} for station_id in sorted(boots)]
        await (await self._session.connection()).execute(_PUT_BOOTS, rows)

    @staticmethod
    @cache
    def inventory_due() -> Due:
        """Return the query of the time at which the inventory of a station is next due, connected or not."""
        return select(func.min(Station.inventory_due_time)).where(Station.inventory_due_time.is_not(None))

    async def due_inventories(self, now: datetime, limit: int) -> Sequence[DueInventory]:
        """Return stations whose inventory is due, the earliest first."""
        row = Station
        rows = await self._session.execute(
            select(
                row.tenant_id,
                row.station_id,
                row.inventory_due_time,
                and_(
                    row.registration == REGISTRATION_STATUS_ENUM_ACCEPTED, is_connected(row.tenant_id, row.station_id)
                ),
            )
            .where(row.inventory_due_time <= now)
            .order_by(row.inventory_due_time)
            .limit(limit)
        )
        return [
            DueInventory(tenant_id, station_id, time, can_be_asked)
            for tenant_id, station_id, time, can_be_asked in rows
            if time is not None
        ]

    async def postpone_inventories(self, keys: Collection[tuple[str, str]], now: datetime, time: datetime) -> None:
        """Have inventories that are due now be due at a later time: tenants and stations."""
        row = Station
        await self._session.execute(
            update(row)
            .where(one_of((row.tenant_id, row.station_id), keys), row.inventory_due_time <= now)
            .values(inventory_due_time=time)
            .execution_options(synchronize_session=False)
        )

    async def claim_inventory(
        self, tenant_id: str, station_id: str, due_time: datetime, later: datetime, attempts: int
    ) -> bool:
        """Claim the request for the inventory of a station; return False if another core claimed it first.

        The inventory is due again at a later time unless the station answers. After the last attempt it is not due
        any more.
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
        """Record that the inventory of a station is no longer due."""
        row = Station
        await self._session.execute(
            update(row)
            .where(row.tenant_id == tenant_id, row.station_id == station_id, row.inventory_due_time.is_not(None))
            .values(inventory_due_time=None)
            .execution_options(synchronize_session=False)
        )
