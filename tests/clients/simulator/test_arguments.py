from pathlib import Path

import pytest

from citrine_simulator.arguments import parse
from citrine_simulator.errors import UsageError


def test_usual_stations_are_numbered_and_charge() -> None:
    options = parse(["--stations", "2", "--password", "secret"])

    assert options.fleet.stations == {"SIM-0001": "secret", "SIM-0002": "secret"}
    assert options.fleet.url == "ws://127.0.0.1:9000"
    assert options.fleet.version == "2.0.1"
    assert options.scenario == "charge"
    assert options.careful


def test_named_stations_have_passwords_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text('{"A": "one"}')

    options = parse(
        ["--station", "A", "--station", "B", "--password", "two", "--passwords-file", str(tmp_path / "passwords.json")]
    )

    assert options.fleet.stations == {"A": "one", "B": "two"}


def test_variables_are_given_by_name() -> None:
    options = parse(["--variable", "A.B[C]=1=2", "--sample-interval", "5"])

    assert options.variables == {"A.B[C]": "1=2", "SampledDataCtrlr.TxUpdatedInterval": "5"}


def test_a_variable_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="not NAME=VALUE"):
        parse(["--variable", "A.B"])


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["--bogus"], id="unknown"),
        pytest.param(["--scenario", "dance"], id="scenario"),
        pytest.param(["--stations", "0"], id="no stations"),
        pytest.param(["--speed", "0"], id="no speed"),
        pytest.param(["--duration", "-1"], id="negative"),
        pytest.param(["--duration", "nan"], id="not a number"),
        pytest.param(["--stations", "many"], id="no count"),
        pytest.param(["--version", "1.6"], id="version"),
    ],
)
def test_wrong_usage_is_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(argv)

    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert " _" not in said, "names of functions are ours"
