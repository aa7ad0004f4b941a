from typing import Any

import pytest

from citrine_simulator.schemas import Schemas


@pytest.mark.parametrize(
    ("payload", "code", "path"),
    [
        pytest.param({"type": 7}, "TypeConstraintViolation", "type", id="type"),
        pytest.param({}, "OccurrenceConstraintViolation", "", id="required"),
        pytest.param({"type": "Never"}, "PropertyConstraintViolation", "type", id="enum"),
        pytest.param({"type": "OnIdle", "more": 1}, "FormatViolation", "", id="additional"),
    ],
)
def test_a_problem_has_the_error_code_of_part_4(
    schemas: dict[str, Schemas], payload: dict[str, Any], code: str, path: str
) -> None:
    problem = schemas["2.0.1"].check_request("Reset", payload)

    assert problem is not None
    assert (problem.code, problem.path) == (code, path)


def test_good_payloads_have_no_problem(schemas: dict[str, Schemas]) -> None:
    assert schemas["2.0.1"].check_request("Reset", {"type": "OnIdle"}) is None
    assert schemas["2.0.1"].check_response("Reset", {"status": "Accepted"}) is None


def test_each_version_knows_its_actions(schemas: dict[str, Schemas]) -> None:
    assert "AFRRSignal" not in schemas["2.0.1"].actions
    assert "AFRRSignal" in schemas["2.1"].actions
