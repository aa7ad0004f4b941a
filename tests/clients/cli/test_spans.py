"""Times from and to which something is: each command that takes both reads them alike."""

from datetime import UTC, datetime, timedelta

import pytest
from typer.core import TyperGroup

from citrine.api.v1.transactions_pb2 import ListTransactionsResponse
from citrine_cli.lazy_group import Deferred
from citrine_cli.nouns import GROUPS
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

ENDS = {"--to", "--until", "--end", "--install", "--valid-to"}

COMMANDS = {
    "transaction list": ("", "--from/--since", "--to"),
    "audit list": ("", "--from/--since", "--to"),
    "authorization history": ("", "--from/--since", "--to"),
    "command list": ("", "--from/--since", "--to"),
    "connection history": ("", "--from/--since", "--to"),
    "cost corrections": ("", "--from/--since", "--to"),
    "data custom": ("", "--from/--since", "--to"),
    "data list": ("", "--from/--since", "--to"),
    "firmware list": ("", "--from/--since", "--to"),
    "operation list": ("", "--from/--since", "--to"),
    "poisoned list": ("", "--from/--since", "--to"),
    "record list": ("", "--from/--since", "--to"),
    "refused list": ("", "--from/--since", "--to"),
    "reservation costs": ("", "--from/--since", "--to"),
    "reservation list": ("", "--from/--since", "--to"),
    "station refusals": ("", "--from/--since", "--to"),
    "station resets": ("", "--from/--since", "--to"),
    "station security": ("", "--from/--since", "--to"),
    "transaction actions": ("", "--from/--since", "--to"),
    "transaction starts": ("", "--from/--since", "--to"),
    "transaction unmatched": ("", "--from/--since", "--to"),
    "certificate orders": ("", "--from/--since", "--to"),
    "cost list": ("", "--from/--since", "--to"),
    "firmware campaign list": ("", "--from/--since", "--to"),
    "firmware publications": ("", "--from/--since", "--to"),
    "locallist list": ("", "--from/--since", "--to"),
    "log list": ("", "--from/--since", "--to"),
    "message list": ("", "--from/--since", "--to"),
    "profile limits": ("", "--from/--since", "--to"),
    "profile list": ("", "--from/--since", "--to"),
    "profile needs": ("", "--from/--since", "--to"),
    "record unsettled": ("", "--from/--since", "--to"),
    "report list": ("", "--from/--since", "--to"),
    "station profile-upgrades": ("CS-1", "--from/--since", "--to"),
    "statistics series": ("", "--from/--since", "--to"),
    "statistics uptime": ("", "--from/--since", "--to"),
    "statistics utilisation": ("", "--from/--since", "--to"),
    "station statuses": ("CS-1", "--from/--since", "--to"),
    "meter list": ("CS-1", "--from/--since", "--to"),
    "monitor events": ("", "--from/--since", "--to"),
    "log get": ("CS-1 https://logs.example/a", "--from/--since", "--until"),
    "tariff assign": ("NIGHT", "--from", "--to"),
    "tariff create": ("NIGHT --currency EUR --energy 0.3", "--valid-from", "--valid-to"),
    "message set": ("CS-1 Hello", "--from", "--until"),
    "profile set": ("CS-1 --limit 16", "--from", "--to"),
    "firmware update": ("CS-1 https://firmware.example/a", "--retrieve", "--install"),
    "firmware campaign create": ("https://firmware.example/a --all", "--start", "--end"),
}
"""What else each needs, and its options of the start and the end, as errors call them."""


@pytest.mark.parametrize("command", [name for name, (_, start, _) in COMMANDS.items() if "--since" in start])
def test_what_is_no_time_is_said_of_either_name(citrine: Cli, core: ScriptedCore, command: str) -> None:
    needed, start, _ = COMMANDS[command]

    ran = citrine(*command.split(), *needed.split(), "--since", "yesterday")

    assert ran.code == 2
    assert ran.err.startswith(f"error: {start}: 'yesterday' is not a time: expected ")
    assert ran.err.endswith('"now", "2h" for two hours ago\n')


@pytest.mark.parametrize("command", COMMANDS)
def test_an_end_before_the_start_is_a_wrong_use(citrine: Cli, core: ScriptedCore, command: str) -> None:
    needed, start, end = COMMANDS[command]

    ran = citrine(*command.split(), *needed.split(), start.split("/")[0], "2030-01-02", end, "2030-01-01")

    assert (ran.code, ran.err) == (2, f"error: {end}: 2030-01-01 is before {start} 2030-01-02\n")


def test_each_command_that_takes_both_is_among_them() -> None:
    found = set()
    waiting = [((word,), Deferred(word, noun, is_group=True).load()) for word, noun in GROUPS.items()]
    while waiting:
        words, command = waiting.pop()
        if isinstance(command, TyperGroup):
            waiting += [((*words, name), below) for name, below in command.commands.items()]  # type: ignore[misc]
        else:
            times = {one.opts[0] for one in command.params if getattr(one, "metavar", "") == "TIME"}
            if len(times) > 1 and times & ENDS:
                found.add(" ".join(words))

    assert found == set(COMMANDS)


@pytest.mark.parametrize("text", ["-1h", "1h"])
def test_what_is_listed_is_seen_back_from_now(citrine: Cli, core: ScriptedCore, text: str) -> None:
    core.on("ListTransactions", ListTransactionsResponse())

    assert citrine("transaction", "list", "--since", text).code == 0

    (request,) = core.requests("ListTransactions")
    assert abs(request.start_time.start.ToDatetime(UTC) - datetime.now(UTC) + timedelta(hours=1)) < timedelta(minutes=1)
