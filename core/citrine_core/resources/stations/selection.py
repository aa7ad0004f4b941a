"""Selection of stations by id, location, group and label, as a condition of any query that has a column of stations.

Each part is `station_id IN (SELECT …)` with an index that ends with the id, so that a database may either look
up a station in it or begin with the selected stations.
"""

from typing import Any

from sqlalchemy import ColumnElement, Table, select

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.db import one_of
from citrine_core.errors import InvalidArgument
from citrine_core.resources.stations.models import Station, StationGroup, StationLabel
from citrine_core.resources.stations.tags import check_groups, check_labels

__all__ = ["check_selector", "checked_selector", "selects_all", "stations_selected"]

MOST_IDS = 1000
MOST_GROUPS = 100
MOST_LABELS = 16

_STATIONS = Station.metadata.tables["stations"]
_LABELS = StationLabel.metadata.tables["station_labels"]
_GROUPS = StationGroup.metadata.tables["station_groups"]


def selects_all(selector: StationSelector) -> bool:
    """Return whether a selector is empty, and so selects all stations of the tenant."""
    return not (selector.station_ids or selector.location_ids or selector.groups or selector.labels)


def check_selector(name: str, selector: StationSelector) -> None:
    """Refuse an invalid selector. What it names need not exist.

    Args:
        name: Path of the field in the request.
        selector: The selector.

    Raises:
        InvalidArgument: When there is too much of something, or a label or group is invalid.
    """
    for part, ids in (("station_ids", selector.station_ids), ("location_ids", selector.location_ids)):
        if len(ids) > MOST_IDS:
            raise InvalidArgument(f"{name}.{part}", f"must have at most {MOST_IDS} ids")
    check_groups(f"{name}.groups", selector.groups, MOST_GROUPS)
    check_labels(f"{name}.labels", selector.labels, MOST_LABELS)


def checked_selector(selector: StationSelector) -> StationSelector | None:
    """Return the selector in the field `stations` of the request of a list; None if it selects all stations.

    Raises:
        InvalidArgument: When it is invalid.
    """
    check_selector("stations", selector)
    return None if selects_all(selector) else selector


def stations_selected(
    tenant_id: str, station_id: Any, selector: StationSelector, after: str | None = None, *, one_by_one: bool = False
) -> list[ColumnElement[bool]]:
    """Return the conditions that a column of ids of a tenant's stations meets a selector; none if it selects all.

    The query restricts its own rows to the tenant.

    Args:
        tenant_id: The tenant.
        station_id: The column.
        selector: What `check_selector` let pass.
        after: The id behind which a page of a list begins that is ordered by station. Neither database concludes from
            the condition of the list that what is selected may begin there, too. None: there is none.
        one_by_one: Whether each row looks its station up, so that the many that are selected are not gathered first.
    """

    def within(table: Table, *where: ColumnElement[bool]) -> ColumnElement[bool]:
        behind = [] if after is None else [table.c.station_id > after]
        # The query around it may be of the same table.
        selected = select(table.c.station_id).where(table.c.tenant_id == tenant_id, *where, *behind)
        if one_by_one:
            return selected.where(table.c.station_id == station_id).correlate_except(table).exists()
        selected = selected.correlate(None)
        return station_id.in_(selected)  # type: ignore[no-any-return]

    conditions: list[ColumnElement[bool]] = []
    if selector.station_ids:
        conditions.append(one_of(station_id, set(selector.station_ids)))
    if selector.location_ids:
        is_there = _STATIONS.c.location_id.in_(sorted(set(selector.location_ids)))
        # An index has only the stations that stand somewhere.
        conditions.append(within(_STATIONS, _STATIONS.c.location_id.is_not(None), is_there))
    if selector.groups:
        # As values that the statistics of the database know: few stations of a group are where to begin.
        conditions.append(within(_GROUPS, _GROUPS.c.group_name.in_(sorted(set(selector.groups)))))
    for key, value in sorted(selector.labels.items()):
        is_labelled = (_LABELS.c.label_key == key, _LABELS.c.label_value == value)
        conditions.append(within(_LABELS, *is_labelled))
    return conditions
