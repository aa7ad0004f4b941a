"""Update masks."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.stations_pb2 import Station
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import apply_mask

CHANGEABLE = {"description", "enabled"}


def test_without_a_mask_it_is_what_is_set_and_can_be_changed() -> None:
    station = Station(station_id="S-1", description="here", connected=True)

    assert apply_mask(FieldMask(), station, CHANGEABLE) == ["description"]


def test_false_of_an_optional_field_is_set() -> None:
    assert apply_mask(FieldMask(), Station(enabled=False), CHANGEABLE) == ["enabled"]


def test_mask_names_also_what_is_not_set() -> None:
    assert apply_mask(FieldMask(paths=["enabled"]), Station(description="here"), CHANGEABLE) == ["enabled"]


def test_star_is_everything() -> None:
    assert apply_mask(FieldMask(paths=["*"]), Station(), CHANGEABLE) == ["description", "enabled"]


@pytest.mark.parametrize("path", ["colour", "connected", "station_id", "description.x", ""])
def test_path_that_can_not_be_changed_is_named(path: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"update_mask: {path}"):
        apply_mask(FieldMask(paths=["enabled", path]), Station(), CHANGEABLE)
