"""A contract certificate pool over HTTP, by the interface CCP of OPCP 1."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

__all__ = ["Pool", "exi", "hang", "pool", "pool_url"]


def exi(text: str) -> str:
    """Return EXI in base64, which nobody here reads."""
    return base64.b64encode(text.encode()).decode()


def _contract(emaid: str, response: str) -> dict[str, Any]:
    return {"messageDef": {"certificateInstallationRes": response, "emaid": emaid}}


@dataclass
class Pool:
    """Has contracts for the requests of EVs that it knows."""

    url: str = ""
    token: str = ""
    """What it lets in. Empty: all."""
    contracts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """eMAIDs and responses by request: EXI in base64."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """What it was asked."""
    refusal: str = ""
    """EXI in base64 for EVs that it does not know. Empty: it only has a text for people."""
    answer_instead: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    """Answers in its place."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer getSignedContractData."""
        if self.answer_instead is not None:
            return await self.answer_instead(request)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        asked = orjson.loads(await request.read())
        self.asked.append(asked)
        if found := self.contracts.get(asked["certificateInstallationReq"]):
            contents = [_contract(emaid, response) for emaid, response in found]
            return web.json_response({"CCPResponse": {"emaidContent": contents}})
        if self.refusal:
            refusal = {"messageDef": {"certificateInstallationRes": self.refusal}}
            return web.json_response({"CCPResponse": {"emaidContent": [refusal]}}, status=404)
        return web.json_response({"errorMessages": ["Contract or Vehicle not found."], "traceId": "1"}, status=404)


def pool_url(port: int) -> str:
    """Return the URL of a pool on a port."""
    return f"http://127.0.0.1:{port}/pool"


@contextlib.asynccontextmanager
async def pool(port: int = 0) -> AsyncIterator[Pool]:
    """Run a pool for the time of a block, on a free port by default."""
    running = Pool()
    app = web.Application()
    app.router.add_post("/pool/v1/ccp/signedContractData", running.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    running.url = pool_url(runner.addresses[0][1])
    try:
        yield running
    finally:
        await runner.cleanup()


async def hang(request: web.Request) -> web.StreamResponse:
    """Answer nothing."""
    await asyncio.Event().wait()
    return web.Response()
