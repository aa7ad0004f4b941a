"""Queries of functional block B."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import ATTRIBUTE_ENUM_ACTUAL
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.db import Listed, Page, UnitOfWork, one_of
from citrine_core.db.bulk import BulkUpsert

__all__ = [
    "VariableKey",
    "VariableRepository",
    "forget_device_model",
]


class VariableKey(NamedTuple):
    """Identifies an attribute of a variable within a station's device model."""

    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    attribute: int

    @property
    def name_key(self) -> str:
        """The names as one normalised text, which is the same for all spellings."""
        return name_key(self.component, self.component_instance, self.variable, self.variable_instance)

    def folded(self) -> "VariableKey":
        """Return the normalised key, which is the same for all spellings: OCPP's identifiers ignore case."""
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
_PUT_VALUES = BulkUpsert(_TABLE, key=_KEY, preserve=(*_DESCRIPTION, *_SPELLING))


class VariableRepository:
    """Reads and writes the device models of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put_reported(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store rows of `variables`; the last row of each key wins. Characteristics that are None change nothing."""
        # All writers use the same order, so that two cores can't deadlock.
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
        """Store values, and preserve the other columns of the variables."""
        base = {"tenant_id": tenant_id, "station_id": station_id, "update_time": now, **dict.fromkeys(_DESCRIPTION)}
        rows = [{**base, **key._asdict(), "name_key": key.name_key, "value": value} for key, value in values.items()]
        await _PUT_VALUES.execute_mappings(self._session, rows)

    async def find_known(
        self, tenant_id: str, station_id: str, keys: Collection[VariableKey]
    ) -> dict[VariableKey, tuple[VariableKey, int | None]]:
        """Return, by folded key, the station's own spelling of these variables, and their mutability."""
        columns = (*_ORDER, ReportedVariable.mutability)
        names = {key.component.lower() for key in keys}
        rows = await self._session.execute(
            select(*columns).where(
                ReportedVariable.tenant_id == tenant_id,
                ReportedVariable.station_id == station_id,
                one_of(func.lower(ReportedVariable.component), names),
            )
        )
        found = {VariableKey(*row[:-1]): row[-1] for row in rows}
        return {key.folded(): (key, mutability) for key, mutability in found.items()}

    async def find_instances(
        self, tenant_id: str, station_id: str, component: str, variables: Collection[str], instance: str
    ) -> dict[str, str]:
        """Return the known actual values of variables with one instance, by name in lower case."""
        rows = await self._session.execute(
            select(func.lower(ReportedVariable.variable), ReportedVariable.value).where(
                ReportedVariable.tenant_id == tenant_id,
                ReportedVariable.station_id == station_id,
                ReportedVariable.attribute == ATTRIBUTE_ENUM_ACTUAL,
                _same(ReportedVariable.component, component),
                one_of(func.lower(ReportedVariable.variable), [name.lower() for name in variables]),
                _same(ReportedVariable.variable_instance, instance),
            )
        )
        return {name: value for name, value in rows if value is not None}

    async def find_older(self, tenant_id: str, station_id: str, time: datetime) -> Sequence[tuple[str, int, int]]:
        """Return the variables of a station that were not reported since a time: name_key, EVSE and connector."""
        row = ReportedVariable
        found = await self._session.execute(
            select(row.name_key, row.evse_id, row.connector_id)
            .where(row.tenant_id == tenant_id, row.station_id == station_id, row.update_time < time)
            .distinct()
        )
        return [(name, evse_id, connector_id) for name, evse_id, connector_id in found]

    async def remove(self, tenant_id: str, station_id: str, variables: Collection[tuple[str, int, int]]) -> None:
        """Remove variables of a station, each with all its attributes."""
        if variables:
            row = ReportedVariable
            await self._session.execute(
                delete(row).where(
                    row.tenant_id == tenant_id,
                    row.station_id == station_id,
                    one_of((row.name_key, row.evse_id, row.connector_id), variables),
                )
            )

    async def list(
        self, tenant_id: str, page: Page, station_id: str, *, component: str = "", variable: str = ""
    ) -> Listed[ReportedVariable]:
        """Return a station's device model, ordered by component, EVSE, connector, variable and attribute.

        A component and a variable that are not empty restrict the result; their case is ignored.
        """
        query = select(ReportedVariable).where(
            ReportedVariable.tenant_id == tenant_id, ReportedVariable.station_id == station_id
        )
        if component:
            query = query.where(_same(ReportedVariable.component, component))
        if variable:
            query = query.where(_same(ReportedVariable.variable, variable))
        return await page.read(self._session, query, *_ORDER)


def _same(column: Any, text: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = func.lower(column) == func.lower(text)
    return condition


async def forget_device_model(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the variables of a station."""
    of_station = (ReportedVariable.tenant_id == tenant_id, ReportedVariable.station_id == station_id)
    await work.session.execute(delete(ReportedVariable).where(*of_station))
