"""Queries of functional block B."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import ATTRIBUTE_ENUM_ACTUAL
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.db import UnitOfWork, one_of, upsert
from citrine_core.db.bulk import BulkUpsert
from citrine_core.resources.stations.models import Station

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


class RegistrationRepository:
    """What a station is told at its boot, and what it says of itself."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_policies(self, tenant_id: str, station_ids: Collection[str]) -> dict[str, Policy]:
        """Return what decides on the answer to a boot, of each station that there is."""
        table = Station.__table__.c
        rows = await (await self._session.connection()).execute(
            select(
                table.station_id, table.boot_policy, table.boot_interval, table.configuration_id, table.registration
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
            .values({name: bindparam(name) for name in ("registration", "hardware", "boot_reason", "boot_time")})
        )
        # Always in the same order, so that two cores never wait for each other's rows.
        rows = [{"of_station": station_id, **boots[station_id]} for station_id in sorted(boots)]
        await (await self._session.connection()).execute(statement, rows)

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

    def folded(self) -> "VariableKey":
        """Return the key that is the same for all spellings: OCPP's identifiers know no case."""
        return VariableKey._make(part.casefold() if isinstance(part, str) else part for part in self)


_KEY = ("tenant_id", "station_id", *VariableKey._fields)
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
        rows = [{**base, **key._asdict(), "value": value} for key, value in values.items()]
        await upsert(self._session, _TABLE, rows, _KEY, keep=_DESCRIPTION)

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
