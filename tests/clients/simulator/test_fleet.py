from pathlib import Path

import pytest

from citrine_simulator.errors import UsageError
from citrine_simulator.fleet import Fleet, read_passwords, station_ids


def test_ids_are_numbered() -> None:
    assert station_ids("SIM-", 2) == ["SIM-0001", "SIM-0002"]


def test_tokens_are_presented_in_turn() -> None:
    fleet = Fleet("ws://h", {}, id_tokens=["A", "B"])

    assert [fleet.token(number) for number in range(3)] == ["A", "B", "A"]


def test_versions_are_spoken_in_turn() -> None:
    fleet = Fleet("ws://h", {}, versions=["2.0.1", "1.6"])

    assert [fleet.version(number) for number in range(3)] == ["2.0.1", "1.6", "2.0.1"]


def test_passwords_are_read(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text('{"CS-1": "secret"}')

    assert read_passwords(tmp_path / "passwords.json") == {"CS-1": "secret"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("{", "cannot read", id="no JSON"),
        pytest.param("[]", "not a JSON object", id="no object"),
        pytest.param('{"CS-1": 7}', "not a JSON object", id="no texts"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "passwords.json").write_text(text)

    with pytest.raises(UsageError, match=problem):
        read_passwords(tmp_path / "passwords.json")
