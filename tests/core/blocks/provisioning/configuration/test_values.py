"""Whether two values are the same."""

import pytest

from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.configuration.values import same_value


@pytest.mark.parametrize(
    ("wanted", "actual", "data_type", "same"),
    [
        pytest.param("a", "a", 0, True, id="equal"),
        pytest.param("a", "A", ocpp.DATA_ENUM_STRING, False, id="case-of-text"),
        pytest.param("true", "True", ocpp.DATA_ENUM_BOOLEAN, True, id="boolean"),
        pytest.param("true", "TRUE", 0, True, id="boolean-of-unknown-type"),
        pytest.param("true", "false", ocpp.DATA_ENUM_BOOLEAN, False, id="other-boolean"),
        pytest.param("1", "1.0", ocpp.DATA_ENUM_DECIMAL, True, id="decimal"),
        pytest.param("1", "1.0", 0, False, id="number-of-unknown-type"),
        pytest.param("1", "2", ocpp.DATA_ENUM_INTEGER, False, id="other-number"),
        pytest.param("x", "y", ocpp.DATA_ENUM_INTEGER, False, id="no-numbers"),
        pytest.param("a,b", "b, a", ocpp.DATA_ENUM_MEMBER_LIST, True, id="members"),
        pytest.param("a,b", "b,a", ocpp.DATA_ENUM_SEQUENCE_LIST, False, id="sequence-in-another-order"),
        pytest.param("a,b", "a, b", ocpp.DATA_ENUM_SEQUENCE_LIST, True, id="sequence"),
    ],
)
def test_values_are_compared_by_their_type(wanted: str, actual: str, data_type: int, same: bool) -> None:
    assert same_value(wanted, actual, data_type) is same
