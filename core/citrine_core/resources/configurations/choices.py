"""The choice of the configuration of a station, by the selectors of its tenant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from citrine_core.resources.locations.queries import Place
from citrine_core.resources.stations.tags import read_labels

__all__ = ["Choices", "Selector"]


@dataclass(frozen=True, slots=True)
class Selector:
    """Which stations a configuration is for. A part that is empty restricts nothing."""

    vendor: str = ""
    """In lower case."""
    model: str = ""
    """In lower case."""
    location_id: str = ""
    station_group: str = ""
    station_labels: str = ""
    """As `write_labels` of stations writes them."""

    @property
    def is_by_place(self) -> bool:
        """Whether it needs to be known where a station stands, its groups or its labels."""
        return bool(self.location_id or self.station_group or self.station_labels)


_Label = tuple[str, str] | None

_Key = tuple[str, str, str, str, _Label]
"""Vendor, model, location, group, and the first label."""

_Rank = tuple[int, int, int, int, int, str]
"""The lowest goes before the others."""


class Choices:
    """The selectors of a tenant, with their configurations."""

    def __init__(self, selectors: Iterable[tuple[Selector, str]]) -> None:
        self._by_key: dict[_Key, list[tuple[_Rank, dict[str, str], str]]] = {}
        self.by_place = False
        """Whether any is by location, group or label."""
        for one, configuration_id in selectors:
            labels = read_labels(one.station_labels)
            first = min(labels.items(), default=None)
            key = (one.vendor, one.model, one.location_id, one.station_group, first)
            said = (bool(one.location_id), len(labels), bool(one.station_group), bool(one.model), bool(one.vendor))
            location, number, group, model, vendor = (-each for each in said)
            rank = (location, number, group, model, vendor, configuration_id)
            self._by_key.setdefault(key, []).append((rank, labels, configuration_id))
            self.by_place = self.by_place or one.is_by_place

    def choose(self, named: str | None, vendor: str, model: str, place: Place) -> str | None:
        """Return the id of the configuration of a station, or None if there is none for it.

        Args:
            named: The configuration that an operator chose for the station.
            vendor: vendorName of its last boot.
            model: model of its last boot.
            place: Where it stands, its groups and labels.
        """
        if named:
            return named
        fitting = (
            (rank, configuration_id)
            for key in _keys(vendor.lower(), model.lower(), place)
            for rank, labels, configuration_id in self._by_key.get(key, ())
            if labels.items() <= place.labels.items()
        )
        return min(fitting, default=(None, None))[1]


def _keys(vendor: str, model: str, place: Place) -> Iterator[_Key]:
    """Yield the keys under which selectors may be that are for a station."""
    hardware = {(vendor, model), (vendor, ""), ("", "")}
    locations, groups = {"", place.location_id}, {"", *place.groups}
    labels: list[_Label] = [None, *place.labels.items()]
    for (vendor_name, model_name), location_id, group, label in product(hardware, locations, groups, labels):
        yield vendor_name, model_name, location_id, group, label
