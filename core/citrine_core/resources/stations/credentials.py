"""Credentials of stations: passwords and unknown stations."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.stations_pb2 import BOOT_POLICY_PENDING
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.one_of import one_of_packed, pack
from citrine_core.resources.stations.models import Station
from citrine_core.resources.tenants.queries import find_holding, lock_hold_limit

__all__ = ["Credentials"]

_TABLE = Station.metadata.tables["stations"]

_FIND = select(
    _TABLE.c.station_id,
    _TABLE.c.enabled,
    _TABLE.c.password_hash,
    _TABLE.c.next_password_hash,
    _TABLE.c.credential_version,
    _TABLE.c.allow_no_password,
    _TABLE.c.registration,
    _TABLE.c.hardware,
).where(_TABLE.c.tenant_id == bindparam("tenant_id"), one_of_packed((_TABLE.c.station_id,), "stations"))
_FIND_LOCKED = _FIND.with_for_update(read=True, key_share=True)

_ADD = BulkInsert(_TABLE, ignore=True, returning=("station_id",))


class Credentials:
    """Reads and writes the columns of stations that decide who may connect."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(
        self, tenant_id: str, station_ids: Collection[str], *, lock: bool = False
    ) -> dict[str, Row[*tuple[Any, ...]]]:
        """Return, by station, the columns that decide on an admission. With lock, none is deleted before the commit."""
        values = {"tenant_id": tenant_id, "stations": pack((station_id,) for station_id in station_ids)}
        rows = await (await self._session.connection()).execute(_FIND_LOCKED if lock else _FIND, values)
        return {row.station_id: row for row in rows}

    async def holding_tenants(self, tenant_ids: Collection[str]) -> set[str]:
        """Return those of the tenants that hold unknown stations."""
        return await find_holding(self._session, tenant_ids)

    async def hold(self, tenant_id: str, station_id: str, password_hash: str, version: int, now: datetime) -> bool:
        """Store an unknown station, for an operator to accept.

        Returns False if the tenant has reached its limit, no longer holds unknown stations, or has a station with this
        id by now.
        """
        connection = await self._session.connection()
        most = await lock_hold_limit(self._session, tenant_id)
        number = await connection.scalar(
            select(func.count()).where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.held_time.is_not(None))
        )
        if most is None or (number or 0) >= most:
            return False
        row = {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "description": "",
            "enabled": True,
            "password_hash": password_hash,
            "credential_version": version,
            "allow_no_password": False,
            "boot_policy": BOOT_POLICY_PENDING,
            "held_time": now,
            "create_time": now,
            "version": 1,
        }
        return bool(await _ADD.fetch_mappings(self._session, [row]))

    async def set_next(self, tenant_id: str, station_id: str, password_hash: str) -> None:
        """Store the password that is about to be sent to a station; it is valid beside the current one."""
        await (await self._session.connection()).execute(
            update(_TABLE)
            .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id)
            .values(next_password_hash=password_hash, credential_version=_TABLE.c.credential_version + 1)
        )

    async def promote_all(self, used: Sequence[tuple[str, str, str]]) -> None:
        """Make the next password of stations, which they have used, their only one.

        Args:
            used: Tenant, station, and hash of the password that was used.
        """
        if used:
            await (await self._session.connection()).execute(
                update(_TABLE)
                .where(
                    _TABLE.c.tenant_id == bindparam("b_tenant_id"),
                    _TABLE.c.station_id == bindparam("b_station_id"),
                    _TABLE.c.next_password_hash == bindparam("b_hash"),
                )
                .values(
                    password_hash=_TABLE.c.next_password_hash,
                    next_password_hash=None,
                    credential_version=_TABLE.c.credential_version + 1,
                ),
                [
                    {"b_tenant_id": tenant_id, "b_station_id": station_id, "b_hash": password_hash}
                    for tenant_id, station_id, password_hash in sorted(used)
                ],
            )
