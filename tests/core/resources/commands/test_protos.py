"""Tests of JSON in commands."""

from typing import Any

import pytest

from citrine_core.resources.commands.protos import from_struct, json_to_struct


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"a": 1, "b": -5, "c": 0}, id="whole numbers"),
        pytest.param({"a": 0.5, "b": 1e300}, id="other numbers"),
        pytest.param({"a": [1, "x", None, True, {"b": [[]]}]}, id="nested"),
    ],
)
def test_json_survives_a_struct(payload: dict[str, Any]) -> None:
    assert from_struct(json_to_struct(payload)) == payload


def test_whole_numbers_are_whole_again() -> None:
    assert type(from_struct(json_to_struct({"a": 3}))["a"]) is int
    assert type(from_struct(json_to_struct({"a": 1e17}))["a"]) is float
