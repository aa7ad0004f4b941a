"""An operator registers at a partner, and changes tokens, by commands: processes, an adapter and a strict partner."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.emsp import Emsp, emsp
from tests.support.quick_commands import quick_citrine
from tests.support.waiting import WAIT


class Operator:
    """Who types commands beside an adapter that runs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.versions_url = ""
        self._variables = {
            **os.environ,
            "CITRINE_OCPI_DATABASE": f"sqlite+aiosqlite:///{directory / 'ocpi.db'}",
            "CITRINE_OCPI_ENCRYPTION_KEY_FILE": str(directory / "ocpi.keys"),
            "CITRINE_OCPI_KEY_FILE": str(directory / "core.key"),
            "CITRINE_OCPI_ALLOW_INSECURE_PARTNERS": "true",
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            *(str(quick_citrine()), "ocpi", *arguments),
            cwd=self._directory,
            env=self._variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def type(self, *arguments: str, code: int = 0) -> str:
        """Return what a command prints that ends with a code."""
        started = await self.start(*arguments)
        async with asyncio.timeout(WAIT):
            said, _ = await started.communicate()
        assert started.returncode == code, said
        return said.decode().strip()

    async def serve(self) -> asyncio.subprocess.Process:
        """Start the adapter."""
        (self._directory / "core.key").write_text("no core needs it")
        ready = self._directory / "ocpi.ready"
        options = ("--ocpi-listen", "127.0.0.1:0", "--ocpi-http-listen", "127.0.0.1:0", "--core", "127.0.0.1:1")
        adapter = await self.start("serve", *options, "--ready-file", str(ready))
        async with asyncio.timeout(WAIT):
            while not ready.exists():
                await asyncio.sleep(0.02)
        url = f"http://{json.loads(ready.read_text())['ocpi']}"
        self._variables["CITRINE_OCPI_PUBLIC_URL"] = url
        self.versions_url = f"{url}/ocpi/versions"
        return adapter


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    """One whose adapter runs."""
    made = Operator(tmp_path)
    adapter = await made.serve()
    yield made
    adapter.terminate()
    async with asyncio.timeout(WAIT):
        await adapter.communicate()


async def status(partner: Emsp, url: str, token: str) -> int:
    """Return how the adapter answers to who has a token."""
    return (await partner.call("GET", url, token=token)).status_code


async def test_an_operator_registers_at_a_partner_and_changes_tokens_and_version(
    operator: Operator, tmp_path: Path
) -> None:
    async with emsp(accepted={"token-a-of-the-partner"}) as partner:
        (tmp_path / "token-a.txt").write_text("token-a-of-the-partner\n")
        await operator.type("party", "set", "DE-CIT", "--name", "Citrine Charging")
        url = ("--url", f"{partner.url}/versions", "--token-file", "token-a.txt")
        await operator.type("partner", "add", "tnm", *url)

        said = await operator.type("partner", "register", "tnm", "--version", "2.2.1")

        assert said == "registered at tnm by OCPI 2.2.1"
        assert [one["party_id"] for one in partner.registered["roles"]] == ["CIT"]
        assert "token-a-of-the-partner" not in partner.accepted
        before, own = partner.token, {*partner.accepted}
        assert await status(partner, operator.versions_url, before) == 200
        assert "is registered" in await operator.type("partner", "register", "tnm", code=1)

        said = await operator.type("partner", "rotate", "tnm", "--version", "2.3.0")

        assert said == "the tokens of tnm were changed; OCPI 2.3.0"
        assert partner.token != before
        assert partner.accepted & own == set()
        # That of before is good until the new one was used.
        presented = [before, partner.token, before]
        assert [await status(partner, operator.versions_url, one) for one in presented] == [200, 200, 401]
        (listed,) = json.loads(await operator.type("partner", "list", "--json"))
        assert (listed["state"], listed["version"]) == ("registered", "2.3.0")

        partner.accepted.clear()
        refused = await operator.type("partner", "rotate", "tnm", code=1)
        assert (len(refused.splitlines()), "HTTP 401" in refused) == (1, True)
        assert (await partner.call("DELETE", partner.endpoints["credentials", "SENDER"])).status_code == 200
        assert "waits for its registration" in await operator.type("partner", "show", "tnm")
        assert partner.complaints == []
