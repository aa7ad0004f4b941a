"""Lists of tokens of partners: along their links, from where the last reading ended, and whole for other parties."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from citrine.api.v1.tokens_pb2 import ListTokensRequest
from citrine_ocpi.modules.hub_client_info import HubClientInfoModule
from citrine_ocpi.modules.tokens import TokensModule, pull
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.services import Module, Services
from tests.clients.ocpi.modules.test_hub_client_info import info, put, registered
from tests.clients.ocpi.modules.test_tokens import has_read, stub, token
from tests.support.core import RunningCore
from tests.support.emsp import emsp
from tests.support.ocpi import running_adapter
from tests.support.waiting import WAIT

MODULES: Sequence[Callable[[Services], Module]] = (TokensModule, partial(HubClientInfoModule, look=60))


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have adapters that start look often at which lists are due, and read those anew at once that failed."""
    monkeypatch.setattr(pull, "LOOK", 0.05)
    monkeypatch.setattr(pull, "AFTER_FAILURE", timedelta(0))


@pytest.fixture
def adapter_of(core: RunningCore, tmp_path: Path) -> Any:
    """Returns an adapter that reads lists all the time."""
    return partial(
        running_adapter,
        tmp_path,
        core=core.address,
        key=core.key,
        modules=MODULES,
        ocpi_token_pull_interval=timedelta(milliseconds=100),
    )


async def until_core_has(core: RunningCore, *uids: str) -> None:
    """Wait until the core has these tokens, and no others."""
    async with asyncio.timeout(WAIT):
        while {one.id_token for one in (await stub(core).ListTokens(ListTokensRequest())).tokens} != {*uids}:
            await asyncio.sleep(0.05)


async def test_what_changed_is_asked_for_by_the_clock_of_the_partner(core: RunningCore, adapter_of: Any) -> None:
    def now() -> str:
        return (datetime.now(UTC) + partner.ahead).strftime("%Y-%m-%dT%H:%M:%SZ")

    async with emsp(ahead=timedelta(hours=-2)) as partner, adapter_of() as adapter:
        partner.lists["tokens"] = [token("04000001", last_updated=now())]
        await partner.register(adapter.versions_url, await adapter.invite("tnm"))
        await until_core_has(core, "04000001")
        async with asyncio.timeout(WAIT):
            while not await has_read(adapter):
                await asyncio.sleep(0.05)

        partner.lists["tokens"].append(token("04000002", last_updated=now()))

        await until_core_has(core, "04000001", "04000002")


async def test_a_list_that_was_interrupted_in_the_middle_is_read_again(core: RunningCore, adapter_of: Any) -> None:
    faults = iter([Response("", 500), Response('{"data": [', 200)])

    def fault(request: Request) -> Response | None:
        return next(faults, None) if request.query_params.get("offset") == "2" else None

    uids = [f"0400000{number}" for number in range(5)]
    async with emsp(fault=fault, lists={"tokens": [token(uid) for uid in uids]}) as partner, adapter_of() as adapter:
        await partner.register(adapter.versions_url, await adapter.invite("tnm"))

        await until_core_has(core, *uids)


async def test_a_link_to_another_host_is_not_followed(core: RunningCore, adapter_of: Any) -> None:
    asked: list[str] = []

    def elsewhere(request: Request) -> Response | None:
        asked.append(request.url.path)
        return None

    async with emsp(fault=elsewhere) as other, emsp() as partner, adapter_of() as adapter:

        def fault(request: Request) -> Response | None:
            if not request.url.path.endswith("/sender/tokens"):
                return None
            link = {"Link": f'<{other.url}/2.2.1/sender/tokens?offset=1>; rel="next"'}
            return partner._envelope([token("04000001")], headers=link)

        partner.fault = fault
        await partner.register(adapter.versions_url, await adapter.invite("tnm"))

        async with asyncio.timeout(WAIT):
            problem = ""
            while not problem:
                await asyncio.sleep(0.05)
                async with adapter.office.database.reading() as session:
                    problem = "".join(one.problem for one in await TokenRepository(session).pulls())
        assert "is not a host of tnm" in problem
        assert asked == []
        await until_core_has(core, "04000001")


async def test_tokens_of_a_party_that_a_hub_names_after_its_list_was_read_are_read_then(
    core: RunningCore, adapter_of: Any
) -> None:
    listed = [
        token("04000001", country_code="DE", party_id="ONE"),
        token("04000002", country_code="DE", party_id="TWO"),
    ]
    async with emsp(party_id="HUB", role="HUB", lists={"tokens": listed}) as hub, adapter_of() as adapter:
        await registered(adapter, hub)
        async with asyncio.timeout(WAIT):
            while not await has_read(adapter):
                await asyncio.sleep(0.05)

        await put(hub, info("DE-ONE"))

        await until_core_has(core, "04000001")
