"""The contract certificate pool that speaks OPCP, over the network."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from citrine_core.blocks.certificates.contract_pool import Contract, OpcpContractPool, PoolAnswer, PoolFailed
from tests.support.contract_pools import Pool, exi, pool

SCHEMA = "urn:iso:15118:2:2013:MsgDef"


@pytest.fixture
async def opcp() -> AsyncIterator[Pool]:
    async with pool() as running:
        yield running


def client_of(opcp: Pool, token: str = "") -> OpcpContractPool:
    return OpcpContractPool(f"{opcp.url}/", lambda: token)


async def test_a_request_is_passed_on_as_it_is(opcp: Pool) -> None:
    opcp.contracts[exi("request")] = [("DE8AACA2B3C4D59", exi("response"))]

    found = await client_of(opcp).find(SCHEMA, exi("request"))

    assert found == PoolAnswer([Contract("DE8AACA2B3C4D59", exi("response"))])
    assert opcp.asked == [{"certificateInstallationReq": exi("request"), "xsdMsgDefNamespace": SCHEMA}]


async def test_a_pool_gets_its_token(opcp: Pool) -> None:
    opcp.token = "secret"
    opcp.contracts[exi("request")] = [("", exi("response"))]

    with pytest.raises(PoolFailed, match="answered with status 401"):
        await client_of(opcp).find(SCHEMA, exi("request"))
    assert (await client_of(opcp, "secret").find(SCHEMA, exi("request"))).contracts


@pytest.mark.parametrize("refusal", ["", exi("refusal")])
async def test_a_pool_without_a_contract_says_so(opcp: Pool, refusal: str) -> None:
    """To the EV where it can, in EXI."""
    opcp.refusal = refusal

    assert await client_of(opcp).find(SCHEMA, exi("request")) == PoolAnswer((), refusal)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        pytest.param(400, b'{"errorMessages": ["EXI format is invalid!"]}', "status 400", id="refused"),
        pytest.param(302, b"", "status 302", id="redirected"),
        pytest.param(200, b"<html>", "no contract", id="no JSON"),
        pytest.param(200, b'{"CCPResponse": {"emaidContent": []}}', "no contract", id="empty"),
        pytest.param(200, b'{"CCPResponse": {"emaidContent": [{"messageDef": 1}]}}', "no contract", id="odd"),
        pytest.param(200, b'{"CCPResponse": "x"}', "no contract", id="text"),
        pytest.param(200, b"x" * 300_000, "could not be asked", id="too long"),
    ],
)
async def test_what_is_no_answer_is_said(opcp: Pool, status: int, body: bytes, why: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"Location": f"{opcp.url}/elsewhere"})

    opcp.answer_instead = answer

    with pytest.raises(PoolFailed, match=why):
        await client_of(opcp).find(SCHEMA, exi("request"))


async def test_a_pool_that_is_not_there_is_said() -> None:
    async with pool() as running:
        gone = client_of(running)

    with pytest.raises(PoolFailed, match="could not be asked"):
        await gone.find(SCHEMA, exi("request"))


async def test_a_token_that_can_not_be_read_is_said(opcp: Pool) -> None:
    def no_token() -> str:
        raise FileNotFoundError

    with pytest.raises(PoolFailed, match="its token can't be read"):
        await OpcpContractPool(opcp.url, no_token).find(SCHEMA, exi("request"))
