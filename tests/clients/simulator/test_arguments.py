from pathlib import Path

import pytest

from citrine_simulator.arguments import parse
from citrine_simulator.errors import UsageError

ORDERING = ["--profile", "3", "--password", "secret", "--state-dir", "state"]


def test_usual_stations_are_numbered_and_charge() -> None:
    options = parse(["--stations", "2", "--password", "secret"])

    assert options.fleet.stations == {"SIM-0001": "secret", "SIM-0002": "secret"}
    assert options.fleet.url == "ws://127.0.0.1:9000"
    assert options.fleet.version(0) == "2.0.1"
    assert options.scenario == "charge"


def test_named_stations_have_passwords_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text('{"A": "one"}')

    options = parse(
        ["--station", "A", "--station", "B", "--password", "two", "--passwords-file", str(tmp_path / "passwords.json")]
    )

    assert options.fleet.stations == {"A": "one", "B": "two"}


def test_security_profiles_have_urls_of_their_own_and_files_for_each_station() -> None:
    basic = parse(["--profile", "2", "--ca-file", "ca.pem", "--password", "secret"]).fleet
    mutual = parse(["--profile", "3", "--certificate-file", "{id}.pem", "--key-file", "{id}.key"]).fleet

    assert (basic.url, basic.stations) == ("wss://127.0.0.1:9443", {"SIM-0001": "secret"})
    assert basic.tls.of("SIM-0001") == {"ca_file": Path("ca.pem"), "certificate_file": None, "key_file": None}
    assert (mutual.url, mutual.stations) == ("wss://127.0.0.1:9444", {"SIM-0001": None})
    assert mutual.tls.of("SIM-0001") == {
        "ca_file": None,
        "certificate_file": Path("SIM-0001.pem"),
        "key_file": Path("SIM-0001.key"),
    }


def test_stations_without_a_certificate_order_it_by_password() -> None:
    usual = parse(ORDERING).fleet
    chosen = parse([*ORDERING, "--order-url", "wss://csms:1"]).fleet

    assert (usual.url, usual.order_url) == ("wss://127.0.0.1:9444", "wss://127.0.0.1:9443")
    assert usual.stations == {"SIM-0001": "secret"}
    assert chosen.order_url == "wss://csms:1"
    assert parse(["--password", "secret"]).fleet.order_url is None


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["--profile", "2", "--url", "ws://csms"], "no URL of security profile 2", id="no TLS"),
        pytest.param(["--ca-file", "ca.pem", "--url", "wss://csms"], "no URL of security profile 1", id="TLS"),
        pytest.param(["--profile", "3"], "needs --certificate-file; or --password", id="no certificate"),
        pytest.param(["--profile", "2", "--certificate-file", "a"], "needs --profile 3", id="certificate"),
        pytest.param(["--profile", "3", "--password", "a"], "need --state-dir", id="nowhere to store a certificate"),
        pytest.param([*ORDERING, "--scenario", "load"], "scenario load order no certificates", id="load"),
        pytest.param([*ORDERING, "--order-url", "ws://csms"], "no URL of security profile 2", id="order without TLS"),
        pytest.param(["--order-url", "wss://csms"], "is for --profile 3 without", id="order"),
        pytest.param(["--profile", "2", "--key-file", "a"], "--key-file needs", id="key alone"),
        pytest.param(["--profile", "3", "--certificate-file", "a", "--password", "b"], "no password", id="password"),
        pytest.param(["--fleet", "f", "--profile", "2"], "the fleet file says it", id="fleet"),
    ],
)
def test_what_does_not_fit_a_security_profile_is_refused(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(argv)


def test_a_token_that_stations_of_1_6_can_not_present_is_refused() -> None:
    token = ["--id-token", "A" * 21]

    with pytest.raises(UsageError, match="A has more than the 20 characters of an idTag"):
        parse([*token, "--version", "2.0.1,1.6"])
    assert parse(token).fleet.id_tokens == ["A" * 21]


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
        pytest.param(["--version", "1.5"], id="version"),
    ],
)
def test_wrong_usage_is_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(argv)

    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert " _" not in said, "names of functions are ours"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("5m", 300), ("1h30m", 5400), ("0.2", 0.2)])
def test_a_duration_has_units(text: str, seconds: float) -> None:
    assert parse(["--for", text]).duration == parse(["--duration", text]).duration == seconds


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["--report", "r.json"], "--report needs --fleet", id="report"),
        pytest.param(["--fleet", "f.toml", "--stations", "2"], "--stations is for stations without", id="count"),
        pytest.param(["--fleet", "f.toml", "--id-token", "A"], "--id-token is for stations without", id="token"),
    ],
)
def test_what_does_not_go_with_a_fleet_file_is_told(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(argv)


def test_what_makes_a_fleet_fail_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--fleet", "f.toml", "--fail-on", "lost,timeout"]).fail_on == {"lost", "timeout"}
    assert parse(["--fleet", "f.toml", "--fail-on", "none"]).fail_on == frozenset()
    with pytest.raises(SystemExit):
        parse(["--fleet", "f.toml", "--fail-on", "rain"])
    assert "'rain' is none of given_up, undelivered" in capsys.readouterr().err


def test_what_is_given_goes_before_the_fleet_file() -> None:
    given = parse(["--fleet", "f.toml", "--url", "ws://csms", "--password", "secret"]).given

    assert (given.url, given.tenant, given.password, given.passwords) == ("ws://csms", None, "secret", None)
