"""Tests of the settings: where they come from, and that a misspelled one stops the start."""

from datetime import timedelta
from pathlib import Path

import pytest

from citrine_core.config import CoreSettings, read_settings
from citrine_edge.config import EdgeSettings
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.simulated_emsp.config import EmspSettings
from citrine_process.addresses import split_address
from citrine_process.settings import InvalidSetting, descriptions


def test_a_flag_wins_over_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITRINE_GRPC_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("CITRINE_DATABASE", "sqlite+aiosqlite:///a.db")

    settings = read_settings(["--grpc-listen", "127.0.0.1:2", "--drain-time", "3"])

    assert settings.grpc_listen == "127.0.0.1:2"
    assert settings.database == "sqlite+aiosqlite:///a.db"
    assert settings.drain_time == timedelta(seconds=3)


def test_a_variable_may_be_written_in_small_letters() -> None:
    assert read_settings([], {"citrine_lanes": "3"}).lanes == 3


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(InvalidSetting, match="lanes"):
        read_settings([], {"CITRINE_LANES": "many"})


def test_the_help_says_of_every_setting_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(["--help"], {})

    assert descriptions(CoreSettings).keys() == CoreSettings.model_fields.keys()
    assert "Database transactions for stations at a time." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(["--grpc-listn", "x"], "--grpc-listn", id="misspelled flag"),
        pytest.param(["--grpc", "x"], "--grpc", id="the start of a flag"),
        pytest.param(["--lanes", "many"], "lanes", id="a value that is no number"),
        pytest.param(["--log-level", "LOUD"], "log_level", id="an unknown level"),
        pytest.param(["--lanes"], "--lanes", id="no value"),
    ],
)
def test_a_wrong_flag_is_named(arguments: list[str], named: str) -> None:
    with pytest.raises(InvalidSetting, match=named) as problem:
        read_settings(arguments, {})
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("variable", ["CITRINE_DATABSE", "CITRINE_GRPC_LISTN", "CITRINE_CORE_HTTP", "CITRINE_LANE"])
def test_a_misspelled_variable_is_named(variable: str) -> None:
    with pytest.raises(InvalidSetting, match=variable):
        read_settings([], {variable: "x"})


def test_variables_of_the_other_parts_are_let_alone() -> None:
    others = EdgeSettings.model_fields.keys() | OcpiSettings.model_fields.keys() | EmspSettings.model_fields.keys()
    names = others - CoreSettings.model_fields.keys()
    of_others = {f"CITRINE_{name.upper()}": "x" for name in names}
    of_clients = dict.fromkeys(("CITRINE_CORE", "CITRINE_KEY", "CITRINE_KEY_FILE", "CITRINE_TENANT"), "x")

    read_settings([], {**of_others, **of_clients, "CITRINE_DATA_DIR": "x", "PATH": "x"})


def test_the_credential_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "credential"
    file.write_text("secret\n")

    assert CoreSettings(edge_credential_file=file).credential() == "secret"
    assert CoreSettings().credential() is None
    with pytest.raises(InvalidSetting, match="edge_credential_file"):
        CoreSettings(edge_credential_file=tmp_path / "missing").credential()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("1.5", 1.5, id="seconds"),
        pytest.param("PT5M", 300, id="ISO 8601"),
        pytest.param("P7D", 604800, id="days"),
    ],
)
def test_a_time_span_is_seconds_or_iso_8601(text: str, seconds: float) -> None:
    assert read_settings(["--event-retention", text], {}).event_retention == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["soon", "nan", "1e999"])
def test_what_is_no_time_span_is_named(text: str) -> None:
    with pytest.raises(InvalidSetting, match="drain_time"):
        read_settings(["--drain-time", text], {})


def test_what_may_last_for_ever_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITRINE_TRANSACTION_SILENCE", "none")

    found = read_settings(["--command-retention", "None"])

    assert (found.transaction_silence, found.command_retention) == (None, None)


def test_blocks_are_separated_by_commas() -> None:
    assert CoreSettings(blocks=" transactions,meter_values ,").served_blocks == {"transactions", "meter_values"}
    assert CoreSettings().served_blocks == frozenset()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("127.0.0.1:0", ("127.0.0.1", 0), id="IPv4"),
        pytest.param("[::1]:50051", ("::1", 50051), id="IPv6"),
        pytest.param(":50051", ("", 50051), id="all addresses"),
    ],
)
def test_an_address_is_host_and_port(address: str, expected: tuple[str, int]) -> None:
    assert split_address(address) == expected


@pytest.mark.parametrize("address", ["localhost", "localhost:http", "localhost:70000", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidSetting):
        split_address(address)
