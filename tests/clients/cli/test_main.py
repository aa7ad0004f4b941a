"""Exit codes, errors, and the options that every command shares."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from citrine.api.v1.stations_pb2 import ListStationsResponse, Station
from tests.clients.cli.conftest import Cli, Ran
from tests.clients.scripted_core import ScriptedCore


@pytest.fixture
def stations(core: ScriptedCore) -> ScriptedCore:
    core.on("ListStations", ListStationsResponse(stations=[Station(station_id="CS-1")]))
    return core


def test_help_ends_well_and_names_the_commands(cli: Cli) -> None:
    ran = cli("--help")

    assert ran.code == 0
    for word in ("up", "core", "edge", "db", "station", "token", "transaction", "call", "events", "messages"):
        assert f"  {word} " in ran.out


@pytest.mark.parametrize("group", [[], ["station"], ["firmware", "campaign"]], ids=["nothing", "a word", "two words"])
def test_what_names_no_command_gets_the_help(cli: Cli, group: list[str]) -> None:
    ran = cli(*group)

    assert (ran.code, ran.err) == (2, "")
    assert ran.out == cli(*group, "--help").out


def test_the_version_is_that_of_the_distribution(cli: Cli) -> None:
    assert cli("--version") == Ran(0, f"{metadata.version('citrine-csms')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["nope"], "No such command 'nope'", id="no such command"),
        pytest.param(["station", "show"], "Missing argument 'ID'", id="missing argument"),
        pytest.param(["station", "list", "--nope"], "No such option", id="no such option"),
        pytest.param(["token", "add", "A"], "Missing option '--type'", id="missing option"),
        pytest.param(
            ["--key", "k", "--tenant", "t", "reservation", "add", "CS-1", "--token", "A", "--evse", "99999999999"],
            "99999999999 is too large or too small a number here",
            id="no room for the number",
        ),
        pytest.param(["--key", "k", "--tenant", "t", "station", "show", "\udcff"], "is not UTF-8", id="no text"),
        pytest.param(["--core", "a:b", "--key", "k", "station", "list"], "'a:b' is not an address", id="address"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(cli: Cli, arguments: list[str], said: str) -> None:
    ran = cli(*arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_a_core_that_can_not_be_reached_is_named(cli: Cli) -> None:
    ran = cli("station", "list", "--core", "127.0.0.1:1", "--key", "k")

    assert (ran.code, ran.err) == (1, "error: no core answers at 127.0.0.1:1\n")


def test_without_a_key_nothing_is_asked(cli: Cli, stations: ScriptedCore) -> None:
    ran = cli("--core", stations.address, "station", "list")

    assert ran.code == 1
    assert ran.err.startswith("error: no API key")
    assert stations.seen == []


@pytest.mark.parametrize(
    "arguments",
    [["--json", "station", "list"], ["station", "list", "--json"]],
    ids=["before the command", "after the command"],
)
def test_json_stands_before_or_after_the_command(citrine: Cli, stations: ScriptedCore, arguments: list[str]) -> None:
    ran = citrine(*arguments)

    assert ran.code == 0
    assert ran.json == [{"stationId": "CS-1"}]


def test_an_option_after_the_command_goes_before_one_ahead_of_it(citrine: Cli, stations: ScriptedCore) -> None:
    citrine("--key", "first", "--tenant", "one", "station", "list", "--key", "second")

    assert stations.seen[0].metadata["authorization"] == "Bearer second"
    assert stations.seen[0].metadata["citrine-tenant"] == "one"


def test_the_key_comes_from_the_file_of_citrine_up(cli: Cli, stations: ScriptedCore) -> None:
    Path(".citrine").mkdir()
    Path(".citrine/operator.key").write_text("from-up\n")

    assert cli("station", "list", "--core", stations.address).code == 0

    assert stations.seen[0].metadata["authorization"] == "Bearer from-up"


def test_a_token_takes_the_place_of_the_key(cli: Cli, stations: ScriptedCore, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("my.token").write_text("a.b.c\n")
    listing = ["station", "list", "--core", stations.address]

    cli(*listing, "--token-file", "my.token")
    missing = cli(*listing, "--token-file", "other.token")
    monkeypatch.setenv("CITRINE_TOKEN", "d.e.f")
    cli(*listing)
    both = cli(*listing, "--key", "k")

    assert [call.metadata["authorization"] for call in stations.seen] == ["Bearer a.b.c", "Bearer d.e.f"]
    assert (missing.code, missing.err) == (1, "error: token file other.token does not exist\n")
    said = "error: a key and a token are given, by options or variables: give one of them\n"
    assert (both.code, both.err) == (2, said)


def test_the_key_comes_from_a_file_that_is_named(cli: Cli, stations: ScriptedCore) -> None:
    Path("my.key").write_text("mine")

    cli("station", "list", "--core", stations.address, "--key-file", "my.key")
    missing = cli("station", "list", "--core", stations.address, "--key-file", "other.key")

    assert stations.seen[0].metadata["authorization"] == "Bearer mine"
    assert (missing.code, missing.err) == (1, "error: key file other.key does not exist\n")


@pytest.mark.parametrize(
    ("variable", "arguments"),
    [
        (None, ["--key", "", "station", "list"]),
        (None, ["station", "list", "--key", ""]),
        (None, ["--key", "good", "station", "list", "--key", " "]),
        ("", ["station", "list"]),
        ("", ["station", "list", "--key-file", ".citrine/operator.key"]),
        ("good", ["station", "list", "--key", ""]),
    ],
)
def test_an_empty_key_does_not_become_the_operators(
    cli: Cli, stations: ScriptedCore, monkeypatch: pytest.MonkeyPatch, variable: str | None, arguments: list[str]
) -> None:
    Path(".citrine").mkdir()
    Path(".citrine/operator.key").write_text("operator")
    monkeypatch.setenv("CITRINE_CORE", stations.address)
    if variable is not None:
        monkeypatch.setenv("CITRINE_KEY", variable)

    ran = cli(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: the API key that --key or CITRINE_KEY gives is empty\n"
    assert stations.seen == []


def test_a_key_on_the_command_line_goes_before_an_empty_variable(
    cli: Cli, stations: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITRINE_KEY", "")

    assert cli("station", "list", "--core", stations.address, "--key", "mine").code == 0

    assert stations.seen[0].metadata["authorization"] == "Bearer mine"


def test_a_refusal_names_the_field(citrine: Cli, core: ScriptedCore) -> None:
    def refuse(request: object, context: grpc.ServicerContext) -> None:
        violation = BadRequest.FieldViolation(field="station.station_id", description="is longer than 48 characters")
        detail = Any()
        detail.Pack(BadRequest(field_violations=[violation]))
        status = Status(code=3, message="the request is wrong", details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is wrong")

    core.on("CreateStation", refuse)

    ran = citrine("station", "add", "x")

    assert ran.code == 1
    assert ran.err == "error: the request is wrong (station.station_id: is longer than 48 characters)\n"


def test_what_a_core_says_stays_one_line(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListStations", lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "a\nb\x1b[31mc"))

    assert citrine("station", "list").err == "error: a b [31mc\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "error: the API key is not valid\n"),
        (grpc.StatusCode.PERMISSION_DENIED, "error: the API key does not allow this\n"),
        (grpc.StatusCode.DATA_LOSS, "error: data loss\n"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_status_without_words_gets_some(citrine: Cli, core: ScriptedCore, code: grpc.StatusCode, said: str) -> None:
    core.on("ListStations", lambda request, context: context.abort(code, ""))

    assert citrine("station", "list").err == said


def test_what_the_core_does_not_offer_is_said(citrine: Cli, core: ScriptedCore) -> None:
    assert citrine("station", "list").err == f"error: the core at {core.address} does not offer this\n"


def test_without_its_extra_the_command_line_says_what_to_install() -> None:
    """`pip install citrine-csms` alone brings neither typer nor rich."""
    code = "import sys; sys.modules['typer'] = None; from citrine_cli.main import main; sys.exit(main(['--help']))"

    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        "error: the command line is not installed: module typer is missing; pip install 'citrine-csms[cli]'\n"
    )


def test_what_stands_after_a_command_goes_first_then_what_stands_before_it_then_the_variable(
    cli: Cli, stations: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITRINE_CORE", stations.address)
    monkeypatch.setenv("CITRINE_KEY", "variable")
    monkeypatch.setenv("CITRINE_TENANT", "variable")

    cli("--key", "before", "--tenant", "before", "station", "list", "--key", "after", "--tenant", "after")
    cli("--key", "before", "--tenant", "before", "station", "list")
    cli("station", "list")

    said = [(call.metadata["authorization"], call.metadata["citrine-tenant"]) for call in stations.seen]
    assert said == [("Bearer after", "after"), ("Bearer before", "before"), ("Bearer variable", "variable")]
