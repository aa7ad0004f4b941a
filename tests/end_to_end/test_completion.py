"""The Tab key in bash, zsh and fish, set up as docs/cli.md says, beside a core that runs."""

import asyncio
from pathlib import Path

import pytest

from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from tests.support.core import running_core
from tests.support.shells import Shell, is_installed

STATIONS = ("CS-1", "CS-21", "CS-22", "site:1", "a's")

COMPLETED = {
    "citrine statio": "citrine station ",
    "citrine station list --fau": "citrine station list --faulted ",
    "citrine station show CS-1": "citrine station show CS-1 ",
    "citrine station show site:": "citrine station show site:1 ",
    "citrine station show a": r"citrine station show a\'s ",
    "citrine transaction list --station=CS-1": "citrine transaction list --station=CS-1 ",
    "X=1 citrine transaction start CS-1 0": "X=1 citrine transaction start CS-1 04A2B3C4 ",
    # What Citrine knows nothing of is a file.
    "citrine tariff create DAY --file tar": "citrine tariff create DAY --file tariff.json ",
}
"""What the line is after the Tab key."""


def type_all(shell: str, directory: Path, core: str, key: str) -> dict[str, str]:
    with Shell(shell, directory, core, key) as typed:
        found = {line: typed.completed(line, wanted) for line, wanted in COMPLETED.items()}
        typed.offers("citrine station show CS-2", "CS-21", "CS-22")
    return found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_the_tab_key_completes_words_options_and_ids(shell: str, sqlite_url: str, tmp_path: Path) -> None:
    if not is_installed(shell):
        pytest.skip(f"completion was not tried in {shell}: it is not installed")
    (tmp_path / "tariff.json").touch()
    async with running_core(sqlite_url, tmp_path) as core:
        for station in STATIONS:
            await core.add_station(station)
        token = Token(id_token="04A2B3C4", type="ISO14443")
        await core.stub(TokensServiceStub).CreateToken(CreateTokenRequest(token=token), metadata=core.metadata())
        found = await asyncio.to_thread(type_all, shell, tmp_path, core.address, core.key)

    assert found == COMPLETED
