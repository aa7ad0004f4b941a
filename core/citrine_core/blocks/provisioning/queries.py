"""Queries about the device models of stations for other packages."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import (
    ATTRIBUTE_ENUM_ACTUAL,
    MUTABILITY_ENUM_WRITE_ONLY,
    VariableCharacteristics,
)
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.blocks.provisioning.repository import name_key
from citrine_core.db.one_of import one_of

__all__ = [
    "EvseVariable",
    "find_available",
    "find_connector_types",
    "find_currencies",
    "find_evse_powers",
    "find_evse_variables",
    "find_max_limit",
    "find_variables",
    "find_write_only",
]

_TABLE = ReportedVariable.__table__.c


async def find_variables(
    session: AsyncSession, tenant_id: str, station_id: str, components: Collection[str]
) -> Sequence[ReportedVariable]:
    """Return all variables of some components of a station, given in lower case."""
    rows = await session.scalars(
        select(ReportedVariable).where(
            ReportedVariable.tenant_id == tenant_id,
            ReportedVariable.station_id == station_id,
            func.lower(ReportedVariable.component).in_(components),
        )
    )
    return rows.all()


async def find_connector_types(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[str, dict[int, frozenset[str]]]:
    """Return the types of connectors, in lower case, by station and EVSE."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.evse_id, _TABLE.value).where(
            _TABLE.tenant_id == tenant_id,
            one_of(_TABLE.station_id, station_ids),
            func.lower(_TABLE.component) == "connector",
            func.lower(_TABLE.variable) == "connectortype",
            _TABLE.attribute == ATTRIBUTE_ENUM_ACTUAL,
            _TABLE.evse_id > 0,
            _TABLE.value.is_not(None),
        )
    )
    found: dict[str, dict[int, frozenset[str]]] = defaultdict(dict)
    for station_id, evse_id, value in rows:
        found[station_id][evse_id] = found[station_id].get(evse_id, frozenset()) | {value.lower()}
    return found


async def find_currencies(session: AsyncSession, tenant_id: str, station_ids: Collection[str]) -> dict[str, str]:
    """Return the currencies of stations, in upper case; stations without one are omitted."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.value).where(
            _TABLE.tenant_id == tenant_id,
            one_of(_TABLE.station_id, station_ids),
            _TABLE.name_key == name_key("TariffCostCtrlr", "", "Currency", ""),
            _TABLE.attribute == ATTRIBUTE_ENUM_ACTUAL,
            func.coalesce(_TABLE.value, "") != "",
        )
    )
    return {station_id: value.strip().upper()[:20] for station_id, value in rows if value is not None}


async def find_evse_powers(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str]
) -> dict[tuple[str, int], float]:
    """Return the maximum power of EVSEs in W, by station and EVSE: maxLimit of EVSE.Power, where reported."""
    rows = await session.execute(
        select(_TABLE.station_id, _TABLE.evse_id, _TABLE.characteristics).where(
            _TABLE.tenant_id == tenant_id,
            one_of(_TABLE.station_id, station_ids),
            _TABLE.name_key == name_key("EVSE", "", "Power", ""),
            _TABLE.attribute == ATTRIBUTE_ENUM_ACTUAL,
            _TABLE.evse_id > 0,
            _TABLE.characteristics.is_not(None),
        )
    )
    found: dict[tuple[str, int], float] = {}
    for station_id, evse_id, content in rows:
        characteristics = VariableCharacteristics.FromString(content or b"")
        factor = 1000.0 if characteristics.unit.lower() == "kw" else 1.0
        if characteristics.HasField("max_limit") and characteristics.max_limit > 0:
            found[station_id, evse_id] = characteristics.max_limit * factor
    return found


class EvseVariable(NamedTuple):
    """The actual value of a variable, of an EVSE, a connector or the station."""

    component: str
    """In lower case, as is the variable."""
    variable: str
    evse_id: int
    """-1: the station."""
    connector_id: int
    """-1: the EVSE or the station."""
    value: str
    max_limit: float
    """maxLimit of its characteristics, in W where it is a power. 0: not said."""


async def find_evse_variables(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str], names: Iterable[tuple[str, str]]
) -> dict[str, list[EvseVariable]]:
    """Return the actual values of some variables by station; of all instances that have no name.

    Args:
        session: The session of the database.
        tenant_id: Tenant of the stations.
        station_ids: The stations.
        names: Components and variables.
    """
    keys = [name_key(component, "", variable, "") for component, variable in names]
    wanted = [(station_id, key) for station_id in station_ids for key in keys]
    columns = (_TABLE.station_id, _TABLE.component, _TABLE.variable, _TABLE.evse_id, _TABLE.connector_id)
    rows = await session.execute(
        select(*columns, func.coalesce(_TABLE.value, ""), _TABLE.characteristics).where(
            _TABLE.tenant_id == tenant_id,
            one_of((_TABLE.station_id, _TABLE.name_key), wanted),
            _TABLE.attribute == ATTRIBUTE_ENUM_ACTUAL,
        )
    )
    found: dict[str, list[EvseVariable]] = defaultdict(list)
    for station_id, component, variable, evse_id, connector_id, value, content in rows:
        limits = VariableCharacteristics.FromString(content or b"")
        factor = 1000.0 if limits.unit.lower() == "kw" else 1.0
        names_of = (component.lower(), variable.lower())
        found[station_id].append(EvseVariable(*names_of, evse_id, connector_id, value, limits.max_limit * factor))
    return found


async def find_available(
    session: AsyncSession, tenant_id: str, station_ids: Collection[str], controllers: Collection[tuple[str, str]]
) -> set[str]:
    """Return those of the stations that report any of the controllers as available.

    Args:
        session: The session of the database.
        tenant_id: Tenant of the stations.
        station_ids: The stations.
        controllers: Component and instance of its variable Available, both in lower case. An empty instance: any.
    """
    of_controllers = (
        and_(
            func.lower(_TABLE.component) == component,
            *([func.lower(_TABLE.variable_instance) == instance] if instance else []),
        )
        for component, instance in controllers
    )
    rows = await session.scalars(
        select(_TABLE.station_id).where(
            _TABLE.tenant_id == tenant_id,
            one_of(_TABLE.station_id, station_ids),
            or_(*of_controllers),
            func.lower(_TABLE.variable) == "available",
            func.lower(_TABLE.value) == "true",
        )
    )
    return set(rows)


async def find_write_only(
    session: AsyncSession, tenant_id: str, station_id: str, names: Collection[tuple[str, str]] | None = None
) -> set[tuple[str, str]]:
    """Return the variables that their station reported as write-only: component and variable, lower case.

    With names, those among them.
    """
    query = select(func.lower(_TABLE.component), func.lower(_TABLE.variable)).where(
        _TABLE.tenant_id == tenant_id,
        _TABLE.station_id == station_id,
        _TABLE.mutability == MUTABILITY_ENUM_WRITE_ONLY,
    )
    if names is not None:
        query = query.where(one_of(func.lower(_TABLE.component), {component for component, _ in names}))
    found = {(component, variable) for component, variable in await session.execute(query)}
    return found if names is None else found.intersection(names)


async def find_max_limit(
    session: AsyncSession, tenant_id: str, station_id: str, component: str, variable: str
) -> float | None:
    """Return maxLimit of a variable without instance, or None where it was not reported."""
    found = await session.scalar(
        select(_TABLE.characteristics).where(
            _TABLE.tenant_id == tenant_id,
            _TABLE.station_id == station_id,
            _TABLE.name_key == name_key(component, "", variable, ""),
            _TABLE.attribute == ATTRIBUTE_ENUM_ACTUAL,
            _TABLE.characteristics.is_not(None),
        )
    )
    characteristics = VariableCharacteristics.FromString(found or b"")
    return characteristics.max_limit if characteristics.HasField("max_limit") else None
