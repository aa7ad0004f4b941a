"""Tests of how OCPP spells the values of enums."""

from citrine.ocpp.spellings import number_of, spelling_of
from citrine.ocpp.v2.types_pb2 import GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET, GenericDeviceModelStatusEnum


def test_a_value_is_spelled_as_in_ocpp() -> None:
    assert spelling_of(GenericDeviceModelStatusEnum, GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET) == (
        "EmptyResultSet"
    )
    assert spelling_of(GenericDeviceModelStatusEnum, 0) == ""
    assert spelling_of(GenericDeviceModelStatusEnum, 999) == ""


def test_a_spelling_is_found_whatever_its_case() -> None:
    found = number_of(GenericDeviceModelStatusEnum, "emptyresultset")

    assert found == GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET
    assert number_of(GenericDeviceModelStatusEnum, "Maybe") is None
