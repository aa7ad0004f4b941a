"""What shells complete: a real bash, with the script that the program prints and the ids of a scripted core."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from citrine.api.v1.stations_pb2 import ListStationsResponse, Station
from citrine.api.v1.tokens_pb2 import ListTokensResponse, Token
from citrine.api.v1.transactions_pb2 import ListTransactionsResponse, Transaction
from citrine_cli.nouns import COMMANDS, GROUPS, SECTIONS
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

BIN = Path(sys.executable).parent

ASK = """
eval "$(citrine completion bash)"
{COMP_WORDS}
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_citrine_completion citrine
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def environment(core: str) -> dict[str, str]:
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "CITRINE_CORE": core, "CITRINE_KEY": "secret"}


def completed(core: str, *words: str) -> list[str]:
    """Return what bash would offer in place of the last of the words."""
    quoted = " ".join(f"'{word}'" for word in ("citrine", *words))
    ran = subprocess.run(
        ["bash", "--norc", "-c", ASK.format(COMP_WORDS=f"COMP_WORDS=({quoted})")],
        env=environment(core),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stderr == ""
    return [line for line in ran.stdout.splitlines() if line]


@pytest.fixture
def filled(core: ScriptedCore) -> ScriptedCore:
    core.on(
        "ListStations",
        ListStationsResponse(stations=[Station(station_id=f"CS-{n:03}") for n in range(400)]),
    )
    core.on("ListTokens", ListTokensResponse(tokens=[Token(id_token="AA01"), Token(id_token="BB02")]))
    core.on("ListTransactions", ListTransactionsResponse(transactions=[Transaction(transaction_id="T-1")]))
    return core


def test_every_word_stands_under_one_heading_of_the_help() -> None:
    under = [word for words in SECTIONS.values() for word in words]

    assert sorted(under) == sorted({**COMMANDS, **GROUPS})


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["sta"], ["station"], id="word"),
        pytest.param(["tenant", ""], ["add", "list", "remove", "update"], id="word of a word"),
        pytest.param(["station", "list", "--conn"], ["--connected"], id="option"),
        pytest.param(["station", "show", "CS-39"], [f"CS-39{n}" for n in range(10)], id="station"),
        pytest.param(["station", "add", "CS-39"], [], id="station that is new"),
        pytest.param(["transaction", "list", "--station", "CS-001"], ["CS-001"], id="station of an option"),
        pytest.param(["transaction", "start", "CS-001", "A"], ["AA01"], id="token"),
        pytest.param(["transaction", "show", "T"], ["T-1"], id="transaction"),
        pytest.param(["nonsense", "x"], [], id="no such word"),
    ],
)
def test_bash_completes(filled: ScriptedCore, words: list[str], offered: list[str]) -> None:
    assert sorted(completed(filled.address, *words)) == offered


def test_ids_are_offered_in_a_bounded_number(filled: ScriptedCore) -> None:
    assert len(completed(filled.address, "station", "show", "")) == 100


def test_the_words_before_say_which_core_and_tenant_is_asked(filled: ScriptedCore) -> None:
    offered = completed(
        "127.0.0.1:1", "--tenant", "acme", "station", "show", "--core", filled.address, "--key", "other", "CS-001"
    )

    assert offered == ["CS-001"]
    assert filled.seen[0].metadata["citrine-tenant"] == "acme"
    assert filled.seen[0].metadata["authorization"] == "Bearer other"


def test_without_a_core_there_are_no_ids_and_no_complaint() -> None:
    assert completed("127.0.0.1:1", "station", "show", "C") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_other_shells_ask_for_the_same(filled: ScriptedCore, shell: str) -> None:
    asked = {
        **environment(filled.address),
        "_CITRINE_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "citrine station show CS-00",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }

    ran = subprocess.run([BIN / "citrine"], env=asked, capture_output=True, text=True, check=True, timeout=60)

    assert ran.stderr == ""
    assert all(f"CS-00{n}" in ran.stdout for n in range(10))


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
