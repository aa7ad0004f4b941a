"""Settings by flag and variable."""

import inspect
from datetime import timedelta
from pathlib import Path

import pytest

from citrine_edge import config
from citrine_edge.config import EdgeSettings, read_settings
from citrine_process.addresses import split_address
from citrine_process.settings import InvalidSetting, descriptions


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("CITRINE_"):
            monkeypatch.delenv(name)


def test_defaults_are_those_of_the_documentation() -> None:
    settings = read_settings([], {})

    assert settings.ocpp_listen == "0.0.0.0:9000"
    assert settings.core == "127.0.0.1:50051"
    assert settings.edge_http_listen == "127.0.0.1:9001"
    assert settings.credential() == ""


def test_flag_wins_over_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITRINE_OCPP_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("CITRINE_CORE", "a:1,b:2")

    settings = read_settings(["--ocpp-listen", "127.0.0.1:2", "--http-listen=127.0.0.1:3"])

    assert (settings.ocpp_listen, settings.edge_http_listen) == ("127.0.0.1:2", "127.0.0.1:3")
    assert settings.core == "a:1,b:2"


@pytest.mark.parametrize("text", ["1.5", "PT1.5S", "00:00:01.5"])
def test_times_are_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CITRINE_EDGE_HOLD_TIME", text)

    assert read_settings([]).edge_hold_time == timedelta(seconds=1.5)


@pytest.mark.parametrize(
    ("arguments", "environment", "name"),
    [
        (["--ocpp-lisen", "x"], {}, "--ocpp-lisen"),
        (["--ocpp"], {}, "--ocpp"),
        (["more"], {}, "more"),
        (["--ocpp-max-sockets", "many"], {}, "ocpp_max_sockets"),
        (["--edge-hold-time", "0"], {}, "edge_hold_time"),
        (["--log-level", "LOUD"], {}, "log_level"),
        (["--public-url", "https://csms.example.com"], {}, "public_url"),
        (["--public-url", "wss://"], {}, "public_url"),
        (["--public-url", "wss://csms:port"], {}, "public_url"),
        (["--public-url", "wss://user:password@csms"], {}, "public_url"),
        (["--public-url", "wss://csms/?a=b"], {}, "public_url"),
        ([], {"CITRINE_OCPP_LISEN": "x"}, "CITRINE_OCPP_LISEN"),
        ([], {"CITRINE_EDGE_TIME": "x"}, "CITRINE_EDGE_TIME"),
        # All sockets at once, and all stations back at once.
        (["--edge-close-spread", "0"], {}, "edge_close_spread"),
    ],
)
def test_mistake_is_named_in_one_line(arguments: list[str], environment: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidSetting) as mistake:
        read_settings(arguments, environment)

    assert name in str(mistake.value)
    assert "\n" not in str(mistake.value)


@pytest.mark.parametrize("url", ["wss://csms.example.com/ocpp", "ws://[2001:db8::1]:9000", ""])
def test_a_public_url_has_no_slash_at_its_end(url: str) -> None:
    slash = f"{url}/" if url else ""

    assert read_settings([], {"CITRINE_PUBLIC_URL": slash}).public_url == url


def test_settings_of_the_core_are_none_of_ours() -> None:
    read_settings([], {"CITRINE_DATABASE": "x", "CITRINE_CORE_HTTP_LISTEN": "y", "OTHER": "z"})


def test_credential_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "credential"
    file.write_text("secret\n")

    assert read_settings(["--edge-credential-file", str(file)], {}).credential() == "secret"
    assert read_settings(["--edge-credential", "other"], {}).credential() == "other"
    with pytest.raises(InvalidSetting, match="edge_credential_file"):
        read_settings(["--edge-credential-file", str(tmp_path / "none")], {}).credential()


def test_credential_is_not_shown() -> None:
    assert "secret" not in repr(read_settings(["--edge-credential", "secret"], {}))


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9000", ("127.0.0.1", 9000)), ("[::1]:0", ("::1", 0)), (" core.example:1 ", ("core.example", 1))],
)
def test_address_is_split(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", "host:65536", "host:-1", "host:²"])
def test_address_without_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting):
        split_address(text)


def test_every_setting_is_documented() -> None:
    assert inspect.getdoc(config) is not None
    assert descriptions(EdgeSettings).keys() == EdgeSettings.model_fields.keys()
