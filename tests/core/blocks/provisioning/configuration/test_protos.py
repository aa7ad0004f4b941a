"""What a configuration may say."""

from typing import Any

import pytest

from citrine.api.v1 import configurations_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.blocks.provisioning.configuration.protos import CHANGEABLE, check_configuration_id, check_fields
from citrine_core.errors import InvalidArgument


def data(variable: str, value: str = "1") -> ocpp.SetVariableData:
    return ocpp.SetVariableData(
        component=Component(name="Ctrlr"), variable=Variable(name=variable), attribute_value=value
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"description": "x" * 256}, "description", id="long description"),
        pytest.param({"selectors": [pb.ConfigurationSelector(model="m")]}, "selectors.0.vendor_name", id="model alone"),
        pytest.param(
            {"selectors": [pb.ConfigurationSelector(vendor_name="a"), pb.ConfigurationSelector(vendor_name="A")]},
            "selectors",
            id="selector twice",
        ),
        pytest.param({"variables": [data("")]}, "variables.0.variable.name", id="no name"),
        pytest.param({"variables": [data("A", "x" * 2501)]}, "variables.0.attribute_value", id="long value"),
        pytest.param({"variables": [data("A"), data("a")]}, "variables.1", id="variable twice"),
        pytest.param({"variables": [data("BasicAuthPassword")]}, "variables.0.variable.name", id="password"),
    ],
)
def test_wrong_field_is_named(fields: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        check_fields(pb.Configuration(**fields), CHANGEABLE)

    assert error.value.field == f"configuration.{field}"


@pytest.mark.parametrize("configuration_id", ["", "a b", "x" * 51])
def test_wrong_id_is_refused(configuration_id: str) -> None:
    with pytest.raises(InvalidArgument):
        check_configuration_id("configuration_id", configuration_id)
