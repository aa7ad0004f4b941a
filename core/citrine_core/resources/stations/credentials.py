"""Credentials of stations: passwords and unknown stations."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.stations_pb2 import BOOT_POLICY_PENDING
from citrine_core.clock import utc_now
from citrine_core.db.bulk import BulkInsert
from citrine_core.db.changes import change_time
from citrine_core.db.one_of import one_of_packed, pack
from citrine_core.resources.stations.candidates import Candidate, add, candidates_of, newer_than, without
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
    _TABLE.c.security_profile,
    _TABLE.c.certificate_name,
    _TABLE.c.certificate_sha256,
    _TABLE.c.allowed_versions,
    _TABLE.c.accept_expired_certificate,
).where(_TABLE.c.tenant_id == bindparam("tenant_id"), one_of_packed((_TABLE.c.station_id,), "stations"))
_FIND_LOCKED = _FIND.with_for_update(read=True, key_share=True)

# Not FOR UPDATE: others may have locked the station against its removal, and want the same.
_LOCK_PASSWORDS = (
    select(_TABLE.c.next_password_hash)
    .where(_TABLE.c.tenant_id == bindparam("tenant_id"), _TABLE.c.station_id == bindparam("station_id"))
    .with_for_update(key_share=True)
)

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
            "update_time": await change_time(self._session, utc_now),
            "version": 1,
        }
        return bool(await _ADD.fetch_mappings(self._session, [row]))

    async def add_candidate(self, tenant_id: str, station_id: str, candidate: Candidate) -> None:
        """Store the password that is about to be sent to a station; it is valid beside the present one."""
        row = await self._lock_passwords(tenant_id, station_id)
        if row is not None:
            await self._change(tenant_id, station_id, next_password_hash=add(row.next_password_hash, candidate))

    async def settle(self, tenant_id: str, station_id: str, command_id: str, *, accepted: bool) -> None:
        """Make the password that a command sent the station's own, or forget it.

        Does nothing if the password proved itself before, or another one did that was sent later.
        """
        row = await self._lock_passwords(tenant_id, station_id)
        stored = None if row is None else row.next_password_hash
        own = [one for one in candidates_of(stored) if one.command_id in ("", command_id)]
        if not own:
            return
        if accepted:
            await self._change(
                tenant_id,
                station_id,
                password_hash=own[-1].password_hash,
                next_password_hash=newer_than(stored, own[-1]),
            )
        else:
            await self._change(tenant_id, station_id, next_password_hash=without(stored, command_id))

    async def raise_profiles(self, profiles: Mapping[tuple[str, str], int]) -> None:
        """Store the security profile of stations, by tenant and id, that is higher than all before (A05.FR.07)."""
        if profiles:
            changed = await change_time(self._session, utc_now)
            await (await self._session.connection()).execute(
                update(_TABLE)
                .where(
                    _TABLE.c.tenant_id == bindparam("b_tenant_id"),
                    _TABLE.c.station_id == bindparam("b_station_id"),
                    _TABLE.c.security_profile < bindparam("b_profile"),
                )
                .values(security_profile=bindparam("b_profile"), update_time=changed),
                [
                    {"b_tenant_id": tenant_id, "b_station_id": station_id, "b_profile": profile}
                    for (tenant_id, station_id), profile in sorted(profiles.items())
                ],
            )

    async def promote_all(self, used: Sequence[tuple[str, str, str]]) -> None:
        """Make candidates that stations have used their password. Those that were sent later may follow.

        Args:
            used: Tenant, station, and hash of the password that was used.
        """
        # Sorted, so that two cores can't deadlock.
        for tenant_id, station_id, password_hash in sorted(used):
            row = await self._lock_passwords(tenant_id, station_id)
            stored = None if row is None else row.next_password_hash
            own = [one for one in candidates_of(stored) if one.password_hash == password_hash]
            if own:
                await self._change(
                    tenant_id, station_id, password_hash=password_hash, next_password_hash=newer_than(stored, own[0])
                )

    async def _lock_passwords(self, tenant_id: str, station_id: str) -> Row[*tuple[Any, ...]] | None:
        connection = await self._session.connection()
        rows = await connection.execute(_LOCK_PASSWORDS, {"tenant_id": tenant_id, "station_id": station_id})
        return rows.one_or_none()

    async def _change(self, tenant_id: str, station_id: str, **values: str | None) -> None:
        await (await self._session.connection()).execute(
            update(_TABLE)
            .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.station_id == station_id)
            .values(credential_version=_TABLE.c.credential_version + 1, **values)
        )
