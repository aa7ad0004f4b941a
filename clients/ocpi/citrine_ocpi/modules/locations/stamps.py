"""When a location, its EVSEs and connectors were last updated: by what differs from what partners saw before."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["REMOVED", "UNSTAMPED", "LocationChanges", "changes_of", "connector_of", "stamped", "without_evses"]

UNSTAMPED = "1970-01-01T00:00:00Z"
"""`last_updated` of what was not compared yet."""

REMOVED = "REMOVED"

Body = Mapping[str, Any]


def stamped(before: Body | None, after: Body, now: str) -> dict[str, Any]:
    """Return a location with the times at which it and its parts were last updated.

    What is as before has the time of before; what is not, and whatever contains it, has `now`. EVSEs that are gone are
    still there, as REMOVED: partners can't delete what sessions refer to.
    """
    old = {one["uid"]: one for one in (before or {}).get("evses", ())}
    evses = [_stamped_evse(old.get(one["uid"]), one, now) for one in after.get("evses", ())]
    present = {one["uid"] for one in evses}
    evses += [_removed(one, now) for uid, one in old.items() if uid not in present]
    return _stamped(before, {**after, "evses": evses} if evses else {**after}, now)


def _stamped_evse(before: Body | None, after: Body, now: str) -> dict[str, Any]:
    old = {one["id"]: one for one in (before or {}).get("connectors", ())}
    connectors = [_stamped(old.get(one["id"]), one, now) for one in after["connectors"]]
    return _stamped(before, {**after, "connectors": connectors}, now)


def _removed(evse: Body, now: str) -> dict[str, Any]:
    return _stamped(evse, {**evse, "status": REMOVED}, now)


def _stamped(before: Body | None, after: Body, now: str) -> dict[str, Any]:
    is_same = before is not None and {**before, "last_updated": ""} == {**after, "last_updated": ""}
    return {**after, "last_updated": before["last_updated"] if before is not None and is_same else now}


class LocationChanges:
    """What of a location a partner has not got.

    Attributes:
        fields: Of the location itself, without its EVSEs. None: the whole has to be sent.
        evses: By uid; of each EVSE the fields that are others. Empty ones: the whole EVSE has to be sent.
    """

    def __init__(self, fields: dict[str, Any] | None, evses: dict[str, dict[str, Any]]) -> None:
        self.fields = fields
        self.evses = evses


def changes_of(before: Body | None, after: Body) -> LocationChanges | None:
    """Return what differs of a location. None: nothing does."""
    if before is not None and before == after:
        return None
    own = None if before is None else _differences(without_evses(before), without_evses(after))
    if before is None or own is None:
        return LocationChanges(None, {})
    old = {one["uid"]: one for one in before.get("evses", ())}
    evses: dict[str, dict[str, Any]] = {}
    for evse in after.get("evses", ()):
        known = old.get(evse["uid"])
        if known == evse:
            continue
        differing = None if known is None else _differences(known, evse)
        # Connectors are objects of their own: an EVSE with others is sent as a whole.
        evses[evse["uid"]] = {} if differing is None or "connectors" in differing else differing
    # That of the location follows from its EVSEs: who gets those knows it.
    return LocationChanges({} if evses and own.keys() == {"last_updated"} else own, evses)


def without_evses(body: Body) -> dict[str, Any]:
    """Return the fields of a location itself."""
    return {name: value for name, value in body.items() if name != "evses"}


def _differences(before: Body, after: Body) -> dict[str, Any] | None:
    """Return the fields that are others. None: one is gone, which no PATCH can say."""
    if before.keys() - after.keys():
        return None
    return {name: value for name, value in after.items() if before.get(name) != value}


def connector_of(location: Body, evse_uid: str, connector_id: str) -> tuple[Body | None, Body | None]:
    """Return an EVSE of a location and one of its connectors, compared without regard to case. None: there is none."""
    evses: Sequence[Body] = location.get("evses", ())
    evse = next((one for one in evses if one["uid"].lower() == evse_uid.lower()), None)
    connectors: Sequence[Body] = () if evse is None else evse["connectors"]
    return evse, next((one for one in connectors if one["id"].lower() == connector_id.lower()), None)
