"""Queries of functional block B."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CursorResult, bindparam, case, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import ATTRIBUTE_ENUM_ACTUAL, REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.db import UnitOfWork, one_of, upsert
from citrine_core.db.bulk import BulkUpsert
from citrine_core.db.one_of_keys import one_of_keys
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.stations.models import Station
from citrine_core.resources.tenants.queries import asks_inventory

__all__ = [
    "Policy",
    "RegistrationRepository",
    "VariableKey",
    "VariableRepository",
    "forget_device_model",
]


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


class VariableKey(NamedTuple):
    """What names an attribute of a variable within a station's device model."""

    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    attribute: int

    @property
    def name_key(self) -> str:
        """The names as one text that is the same for all spellings."""
        return name_key(self.component, self.component_instance, self.variable, self.variable_instance)

    def folded(self) -> "VariableKey":
        """Return the key that is the same for all spellings: OCPP's identifiers know no case."""
        return VariableKey._make(part.casefold() if isinstance(part, str) else part for part in self)


def name_key(component: str, component_instance: str, variable: str, variable_instance: str) -> str:
    """Return `name_key` of a row of `variables`."""
    return f"{component}\n{component_instance}\n{variable}\n{variable_instance}".lower()


_KEY = ("tenant_id", "station_id", "name_key", "evse_id", "connector_id", "attribute")
_SPELLING = ("component", "component_instance", "variable", "variable_instance")
_DESCRIPTION = ("mutability", "persistent", "constant", "characteristics")
_ORDER = (
    ReportedVariable.component,
    ReportedVariable.component_instance,
    ReportedVariable.evse_id,
    ReportedVariable.connector_id,
    ReportedVariable.variable,
    ReportedVariable.variable_instance,
    ReportedVariable.attribute,
)


_TABLE = ReportedVariable.metadata.tables["variables"]
_COLUMNS = tuple(column.name for column in _TABLE.columns)

_OVERWRITTEN = tuple(name for name in _COLUMNS if name not in _KEY)

_PUT_WHOLE = BulkUpsert(_TABLE, _COLUMNS, _KEY, _OVERWRITTEN)
_PUT_UNDESCRIBED = BulkUpsert(_TABLE, _COLUMNS, _KEY, tuple(name for name in _OVERWRITTEN if name != "characteristics"))


class VariableRepository:
    """Device models of stations."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put_reported(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store rows of `variables`, of one key the last. Characteristics that are None leave those that are known."""
        # In one order everywhere, so that two cores never wait for each other's rows.
        last = {tuple(row[name] for name in _KEY): row for row in rows}
        whole: list[tuple[Any, ...]] = []
        undescribed: list[tuple[Any, ...]] = []
        for key in sorted(last):
            values = tuple(last[key][name] for name in _COLUMNS)
            (undescribed if last[key]["characteristics"] is None else whole).append(values)
        await _PUT_WHOLE.execute(self._session, whole)
        await _PUT_UNDESCRIBED.execute(self._session, undescribed)

    async def put_values(
        self, tenant_id: str, station_id: str, values: Mapping[VariableKey, str | None], now: datetime
    ) -> None:
        """Store values, and leave what else is known of the variables."""
        base = {"tenant_id": tenant_id, "station_id": station_id, "update_time": now, **dict.fromkeys(_DESCRIPTION)}
        rows = [{**base, **key._asdict(), "name_key": key.name_key, "value": value} for key, value in values.items()]
        await upsert(self._session, _TABLE, rows, _KEY, keep=(*_DESCRIPTION, *_SPELLING))

    async def find_known(
        self, tenant_id: str, station_id: str, keys: Collection[VariableKey]
    ) -> dict[VariableKey, tuple[VariableKey, int | None]]:
        """Return, by folded key, how the station itself spells these variables, and their mutability."""
        columns = (*_ORDER, ReportedVariable.mutability)
        names = {key.component.lower() for key in keys}
        rows = await self._session.execute(
            select(*columns).where(
                ReportedVariable.tenant_id == tenant_id,
                ReportedVariable.station_id == station_id,
                one_of(self._session, func.lower(ReportedVariable.component), names),
            )
        )
        found = {VariableKey(*row[:-1]): row[-1] for row in rows}
        return {key.folded(): (key, mutability) for key, mutability in found.items()}

    async def find_instances(
        self, tenant_id: str, station_id: str, component: str, variables: Collection[str], instance: str
    ) -> dict[str, str]:
        """Return the actual values that are known of variables of one instance, by name in lower case."""
        rows = await self._session.execute(
            select(func.lower(ReportedVariable.variable), ReportedVariable.value).where(
                ReportedVariable.tenant_id == tenant_id,
                ReportedVariable.station_id == station_id,
                ReportedVariable.attribute == ATTRIBUTE_ENUM_ACTUAL,
                _same(ReportedVariable.component, component),
                one_of(self._session, func.lower(ReportedVariable.variable), [name.lower() for name in variables]),
                _same(ReportedVariable.variable_instance, instance),
            )
        )
        return {name: value for name, value in rows if value is not None}

    async def find_older(self, tenant_id: str, station_id: str, time: datetime) -> Sequence[tuple[str, int, int]]:
        """Return the variables of a station of which nothing was heard since a time: name_key, EVSE and connector."""
        row = ReportedVariable
        found = await self._session.execute(
            select(row.name_key, row.evse_id, row.connector_id)
            .where(row.tenant_id == tenant_id, row.station_id == station_id, row.update_time < time)
            .distinct()
        )
        return [(name, evse_id, connector_id) for name, evse_id, connector_id in found]

    async def remove(self, tenant_id: str, station_id: str, variables: Collection[tuple[str, int, int]]) -> None:
        """Forget variables of a station, each with all its attributes."""
        if variables:
            row = ReportedVariable
            await self._session.execute(
                delete(row).where(
                    row.tenant_id == tenant_id,
                    row.station_id == station_id,
                    one_of_keys((row.name_key, row.evse_id, row.connector_id), variables),
                )
            )

    async def list(
        self,
        tenant_id: str,
        station_id: str,
        *,
        component: str = "",
        variable: str = "",
        after: tuple[Any, ...] | None = None,
        limit: int,
    ) -> Sequence[ReportedVariable]:
        """Return a station's device model by component, EVSE, connector, variable and attribute.

        Only of a component and a variable where these are not empty, whatever the case.
        """
        query = select(ReportedVariable).where(
            ReportedVariable.tenant_id == tenant_id, ReportedVariable.station_id == station_id
        )
        if component:
            query = query.where(_same(ReportedVariable.component, component))
        if variable:
            query = query.where(_same(ReportedVariable.variable, variable))
        if after is not None:
            query = query.where(tuple_(*_ORDER) > after)
        return (await self._session.scalars(query.order_by(*_ORDER).limit(limit))).all()


def _same(column: Any, text: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = func.lower(column) == func.lower(text)
    return condition


async def forget_device_model(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the variables of a station."""
    of_station = (ReportedVariable.tenant_id == tenant_id, ReportedVariable.station_id == station_id)
    await work.session.execute(delete(ReportedVariable).where(*of_station))
