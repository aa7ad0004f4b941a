"""What a table shortens can be typed: ids by what they begin with, from a terminal to the database and back."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore, core
from tests.support.terminal import OnTerminal, on_terminal

__all__ = ["core"]

NORTH = "8f14e45f-ceea-467f-a0e6-5b2f1a3c9d10"
SOUTH = "8f14e45f-cfff-467f-a0e6-5b2f1a3c9d10"
EAST = "45c48cce-2e2d-4fbd-a6a9-8c0d5b0d0e0e"

Citrine = Callable[..., Awaitable[OnTerminal]]


@pytest.fixture
async def citrine(core: RunningCore, tmp_path: Path) -> AsyncIterator[Citrine]:
    """The command line on a terminal, towards a core with three transactions of a station and one of another."""
    async with core.edge() as edge:
        for station_id, names in (("CS-1", (NORTH, SOUTH, EAST)), ("CS-2", (EAST,))):
            await core.add_station(station_id, registration=1)
            session = await edge.connect(station_id, PASSWORD)
            for minutes, name in enumerate(names):
                await session.call(started(0, minutes=minutes, transaction_id=name, evse=(minutes + 1, 1)))

        async def run(*arguments: str) -> OnTerminal:
            return await asyncio.to_thread(
                on_terminal,
                *("--no-color", *arguments),
                directory=tmp_path,
                CITRINE_CORE=core.address,
                CITRINE_KEY=core.key,
                CITRINE_TENANT="default",
            )

        yield run


async def test_what_a_list_shows_of_an_id_finds_it(citrine: Citrine) -> None:
    listed = await citrine("transaction", "list", "--station", "CS-1")

    shown = [line.split()[0] for line in listed.lines[1:]]
    assert sorted(shown) == ["45c48cce", "8f14e45f-ce", "8f14e45f-cf"]
    for short, whole in (("8f14e45f-ce", NORTH), ("8f14e45f-cf", SOUTH)):
        found = await citrine("--json", "transaction", "show", short)
        assert json.loads(found.text)["transactionId"] == whole


async def test_a_beginning_of_several_ids_names_them(citrine: Citrine) -> None:
    ran = await citrine("transaction", "show", "8f14")

    assert ran.code == 1
    # Broken between its words, and nowhere else.
    said = " ".join(ran.text.split())
    assert said == f"error: several transactions begin with '8f14': {NORTH} (CS-1), {SOUTH} (CS-1)"


async def test_an_id_of_two_stations_needs_the_station_also_by_its_beginning(citrine: Citrine) -> None:
    several = await citrine("transaction", "show", "45c4")
    of_one = await citrine("transaction", "show", "45c4", "--station", "CS-2")

    assert several.code == 1
    assert "station_id" in several.text
    assert of_one.code == 0
    assert ["station", "CS-2"] in [line.split() for line in of_one.lines]


async def test_what_begins_no_id_is_not_there(citrine: Citrine) -> None:
    ran = await citrine("transaction", "show", "ffff")

    assert ran.code == 1
    assert ran.text == "error: transaction ffff does not exist\n"


async def test_what_is_done_is_done_to_the_whole_id(citrine: Citrine) -> None:
    closed = await citrine("transaction", "close", "8f14e45f-ce", "--yes")
    settled = await citrine("transaction", "settle", "8f14e45f-cf", "--yes", "--reason", "lost")
    actions = await citrine("--json", "transaction", "actions", "--transaction", "8f14e45f-cf")

    assert closed.text == f"transaction {NORTH} of CS-1 closed\n"
    assert settled.text == f"transaction {SOUTH} of CS-1 settled\n"
    assert {action["transactionId"] for action in json.loads(actions.text)} == {SOUTH}
