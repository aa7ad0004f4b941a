"""Rows of the device model."""

import pytest

from citrine.ocpp.secrets import SECRET_VARIABLES
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from citrine_core.blocks.provisioning.repository import VariableKey
from citrine_core.blocks.provisioning.variables import key_of, reported_rows, storable
from tests.support.blocks import NOW, call_of, stamp


def test_key_of_a_variable_has_no_gaps() -> None:
    whole = Component(name="Connector", instance="left", evse=EVSE(id=2, connector_id=1))
    bare = Component(name="Station")

    assert key_of(whole, Variable(name="Power", instance="max"), ocpp.ATTRIBUTE_ENUM_TARGET) == VariableKey(
        "Connector", "left", 2, 1, "Power", "max", ocpp.ATTRIBUTE_ENUM_TARGET
    )
    assert key_of(bare, Variable(name="Power"), ocpp.ATTRIBUTE_ENUM_UNSPECIFIED) == VariableKey(
        "Station", "", -1, -1, "Power", "", ocpp.ATTRIBUTE_ENUM_ACTUAL
    )


def test_keys_know_no_case() -> None:
    assert VariableKey("EVSE", "A", 1, 1, "Power", "", 1).folded() == VariableKey("evse", "a", 1, 1, "power", "", 1)


@pytest.mark.parametrize(
    ("variable", "mutability", "stored"),
    [
        pytest.param("Interval", None, "x", id="unknown"),
        pytest.param("Interval", ocpp.MUTABILITY_ENUM_READ_WRITE, "x", id="read-write"),
        pytest.param("Interval", ocpp.MUTABILITY_ENUM_WRITE_ONLY, None, id="write-only"),
        pytest.param("BASICAUTHPASSWORD", None, None, id="secret"),
    ],
)
def test_secrets_are_not_storable(variable: str, mutability: int | None, stored: str | None) -> None:
    assert storable(variable, "x", mutability) == stored


def test_secrets_are_in_lower_case() -> None:
    assert {name.lower() for name in SECRET_VARIABLES} == SECRET_VARIABLES


def test_attributes_that_are_not_said_have_the_defaults_of_ocpp() -> None:
    report = ocpp.NotifyReportRequest(
        generated_at=stamp(),
        report_data=[
            ocpp.ReportData(
                component=Component(name="A"),
                variable=Variable(name="B"),
                variable_attribute=[
                    ocpp.VariableAttribute(),
                    ocpp.VariableAttribute(type=ocpp.ATTRIBUTE_ENUM_MAX_SET, value="", constant=True),
                ],
            )
        ],
    )

    actual, maximum = reported_rows(call_of(report), NOW)

    assert (actual["attribute"], actual["value"]) == (ocpp.ATTRIBUTE_ENUM_ACTUAL, None)
    assert actual["mutability"] == ocpp.MUTABILITY_ENUM_READ_WRITE
    assert (actual["persistent"], actual["constant"], actual["characteristics"]) == (False, False, None)
    assert (maximum["attribute"], maximum["value"], maximum["constant"]) == (ocpp.ATTRIBUTE_ENUM_MAX_SET, "", True)
