"""Queries of what stations have set, against what they should have."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.provisioning_pb2 import VariableCharacteristics
from citrine_core.blocks.provisioning.models import ReportedVariable
from citrine_core.blocks.provisioning.repository import VariableKey
from citrine_core.db import one_of
from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.queries import find_station

__all__ = ["Actual", "ActualRepository"]

_COLUMNS = tuple(getattr(ReportedVariable, name) for name in VariableKey._fields)


class Actual(NamedTuple):
    """What a station told of one attribute."""

    value: str | None
    """None: not known."""
    data_type: int
    """citrine.ocpp.v2.DataEnum; 0 where it was never told."""


class ActualRepository:
    """What stations have set, as they told it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_all(
        self, tenant_id: str, station_ids: Collection[str], components: Collection[str]
    ) -> Mapping[str, dict[VariableKey, Actual]]:
        """Return what stations told of some components, by station and folded key, in one query."""
        found: dict[str, dict[VariableKey, Actual]] = defaultdict(dict)
        if not components:
            return found
        names = {name.lower() for name in components}
        rows = await self._session.execute(
            select(
                ReportedVariable.station_id, *_COLUMNS, ReportedVariable.value, ReportedVariable.characteristics
            ).where(
                ReportedVariable.tenant_id == tenant_id,
                one_of(ReportedVariable.station_id, station_ids),
                one_of(func.lower(ReportedVariable.component), names),
            )
        )
        for station_id, *key, value, characteristics in rows:
            described = VariableCharacteristics.FromString(characteristics or b"")
            found[station_id][VariableKey(*key).folded()] = Actual(value, described.data_type)
        return found

    async def station(self, tenant_id: str, station_id: str) -> Station | None:
        """Return a station."""
        return await find_station(self._session, tenant_id, station_id)
