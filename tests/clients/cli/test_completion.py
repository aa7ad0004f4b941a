"""What shells complete: what the program answers to their scripts, with the ids of a scripted core."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from citrine.api.v1.commands_pb2 import ListCommandsResponse
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.firmware_campaigns_pb2 import FirmwareCampaign, ListFirmwareCampaignsResponse
from citrine.api.v1.stations_pb2 import ListStationsResponse, Station
from citrine.api.v1.tariffs_pb2 import ListTariffAssignmentsResponse, ListTariffsResponse, Tariff, TariffAssignment
from citrine.api.v1.tokens_pb2 import ListTokensResponse, Token
from citrine.api.v1.transactions_pb2 import ListTransactionsResponse, Transaction
from citrine_cli.nouns import COMMANDS, GROUPS, SECTIONS
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

Complete = Callable[..., list[str]]


@pytest.fixture
def completed(cli: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return what the last of the words may become, as the script of a shell asks for it."""
    monkeypatch.setenv("CITRINE_CORE", core.address)
    monkeypatch.setenv("CITRINE_KEY", "secret")

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("_CITRINE_COMPLETE", " ".join(("citrine", *words)))
        ran = cli()
        assert (ran.code, ran.err) == (0, "")
        return [line.split("\t")[0] for line in ran.lines]

    return ask


@pytest.fixture
def filled(core: ScriptedCore) -> ScriptedCore:
    core.on(
        "ListStations",
        ListStationsResponse(stations=[Station(station_id=f"CS-{n:03}") for n in range(400)]),
    )
    core.on("ListTokens", ListTokensResponse(tokens=[Token(id_token="AA01"), Token(id_token="two words")]))
    core.on("ListTransactions", ListTransactionsResponse(transactions=[Transaction(transaction_id="T-1")]))
    assignments = [TariffAssignment(assignment_id=one) for one in ("A-1", "A-2")]
    core.on("ListTariffAssignments", ListTariffAssignmentsResponse(assignments=assignments))
    core.on("ListTariffs", ListTariffsResponse(tariffs=[Tariff(tariff_id="NIGHT")]))
    core.on("ListCommands", ListCommandsResponse(commands=[Command(command_id="C-1")]))
    campaigns = [FirmwareCampaign(campaign_id="spring")]
    core.on("ListFirmwareCampaigns", ListFirmwareCampaignsResponse(campaigns=campaigns))
    return core


def test_every_word_stands_under_one_heading_of_the_help() -> None:
    under = [word for words in SECTIONS.values() for word in words]

    assert sorted(under) == sorted({**COMMANDS, **GROUPS})


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["sta"], ["station", "statistics"], id="word"),
        pytest.param(["tenant", ""], ["add", "list", "remove", "show", "update"], id="word of a word"),
        pytest.param(["station", "list", "--conn"], ["--connected", "--connection"], id="option"),
        pytest.param(["station", "show", "CS-39"], [f"CS-39{n}" for n in range(10)], id="station"),
        pytest.param(["station", "add", "CS-39"], [], id="station that is new"),
        pytest.param(["transaction", "list", "--station", "CS-001"], ["CS-001"], id="station of an option"),
        pytest.param(["transaction", "list", "--station=CS-001"], ["--station=CS-001"], id="behind an equals sign"),
        pytest.param(["transaction", "start", "CS-001", "A"], ["AA01"], id="token"),
        pytest.param(["token", "show", "'two wo"], ["two words"], id="within quotes"),
        pytest.param(["token", "show", "two\\ wo"], ["two words"], id="with a blank"),
        pytest.param(["transaction", "show", "T"], ["T-1"], id="transaction"),
        pytest.param(["tariff", "unassign", "A"], ["A-1", "A-2"], id="assignment"),
        pytest.param(["tariff", "show", "N"], ["NIGHT"], id="tariff"),
        pytest.param(["tariff", "create", "N"], [], id="tariff that there is not yet"),
        pytest.param(["command", "show", "C"], ["C-1"], id="command"),
        pytest.param(["call", "CS-001", "Res"], ["ReserveNow", "Reset"], id="action"),
        pytest.param(["call", "CS-001", "BootN"], [], id="action of stations"),
        pytest.param(["firmware", "campaign", "show", "sp"], ["spring"], id="campaign"),
        pytest.param(["nonsense", "x"], [], id="no such word"),
        pytest.param(["--no-such-option", "sta"], ["station", "statistics"], id="no such option"),
    ],
)
def test_words_options_and_ids_are_offered(
    filled: ScriptedCore, completed: Complete, words: list[str], offered: list[str]
) -> None:
    assert sorted(completed(*words)) == offered


def test_ids_are_offered_in_a_bounded_number(filled: ScriptedCore, completed: Complete) -> None:
    assert len(completed("station", "show", "")) == 100


def test_the_words_before_say_which_core_and_tenant_is_asked(
    filled: ScriptedCore, completed: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITRINE_CORE", "127.0.0.1:1")

    offered = completed(*("--tenant", "acme", "station", "show", "--core", filled.address, "--key", "other", "CS-001"))

    assert offered == ["CS-001"]
    assert filled.seen[0].metadata["citrine-tenant"] == "acme"
    assert filled.seen[0].metadata["authorization"] == "Bearer other"


def test_without_a_core_there_are_no_ids_and_no_complaint(completed: Complete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITRINE_CORE", "127.0.0.1:1")

    assert completed("station", "show", "C") == []


def test_words_and_options_say_what_they_are_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CITRINE_COMPLETE", "citrine locall")

    assert cli().out.startswith("locallist\tLists of tokens that stations ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_one_of_its_shell(cli: Cli, tmp_path: Path, shell: str) -> None:
    script = cli("completion", shell)

    assert script.code == 0
    assert "_CITRINE_COMPLETE" in script.out
    found = shutil.which(shell)
    if found is not None:
        file = tmp_path / "script"
        file.write_text(script.out)
        subprocess.run([found, "-n", str(file)], check=True, timeout=60)


def test_another_shell_is_a_wrong_use(cli: Cli) -> None:
    ran = cli("completion", "tcsh")

    assert (ran.code, ran.err) == (2, "error: 'tcsh' is none of bash, zsh, fish\n")
