"""Questions of the core to owners of tokens: by which mode, what each answer means, and who may ask the adapter."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from starlette.requests import Request
from starlette.responses import Response

from citrine.api.v1.authorization_pb2 import AuthorizationSettings, Authorizer, UpdateAuthorizationSettingsRequest
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.authorizer.v1 import authorizer_pb2 as authorizer
from citrine.authorizer.v1.authorizer_pb2_grpc import AuthorizerServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_ocpi.modules.tokens import TokensModule
from tests.clients.ocpi.modules.test_tokens import token
from tests.support.core import PASSWORD, RunningCore
from tests.support.deployment import reserved_port
from tests.support.emsp import Emsp, emsp
from tests.support.fake_edge import FakeSession
from tests.support.ocpi import running_adapter
from tests.support.pki import Authority

# What decides is no matter of the database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

UIDS = {"ALWAYS": "0A000001", "ALLOWED": "0A000002", "ALLOWED_OFFLINE": "0A000003", "NEVER": "0A000004"}
"""A token of each whitelist mode."""

ASKED = ("ALLOWED", "ALLOWED_OFFLINE", "NEVER")

Answer = Callable[[str], Response]


class Driver:
    """A core with one station, and an adapter that it asks, with one partner whose tokens are presented."""

    def __init__(self, core: RunningCore, partner: Emsp, station: FakeSession, listen: str) -> None:
        self._core = core
        self.partner = partner
        self._station = station
        self.listen = listen

    async def use(self, **fields: Any) -> None:
        """Have the core ask the adapter so."""
        stub: Any = self._core.stub(AuthorizationServiceStub)
        fields.setdefault("timeout", Duration(seconds=20))
        settings = AuthorizationSettings(authorizer=Authorizer(address=self.listen, **fields))
        await stub.UpdateAuthorizationSettings(UpdateAuthorizationSettingsRequest(settings=settings))

    async def status(self, uid: str) -> str:
        """Return what the station is answered where a token is presented."""
        answer = await self._station.call(AuthorizeRequest(id_token=IdToken(id_token=uid, type="ISO14443")))
        found = AuthorizationStatusEnum.Name(answer.id_token_info.status)
        return found.removeprefix("AUTHORIZATION_STATUS_ENUM_")

    async def statuses(self) -> dict[str, str]:
        """Return what the station is answered for a token of each mode."""
        return {mode: await self.status(uid) for mode, uid in UIDS.items()}


@asynccontextmanager
async def driving(core: RunningCore, directory: Path, **settings: Any) -> AsyncIterator[Driver]:
    """Run all of it for the time of a block."""
    await core.add_station("CS-1", registration=1)
    async with AsyncExitStack() as stack:
        listen = f"127.0.0.1:{stack.enter_context(reserved_port())}"
        adapter = await stack.enter_async_context(
            running_adapter(
                directory,
                core=core.address,
                key=core.key,
                modules=(TokensModule,),
                ocpi_authorizer_listen=listen,
                **settings,
            )
        )
        partner = await stack.enter_async_context(emsp())
        await partner.register(adapter.versions_url, await adapter.invite("tnm"))
        for mode, uid in UIDS.items():
            url = f"{partner.endpoints['tokens', 'RECEIVER']}/NL/TNM/{uid}"
            assert (await partner.call("PUT", url, token(uid, whitelist=mode))).status_code == 201
        edge = await stack.enter_async_context(core.edge())
        yield Driver(core, partner, await edge.connect("CS-1", PASSWORD), listen)


def said(data: Any, status: int = 1000, http_status: int = 200) -> Answer:
    """Return an answer of OCPI."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return lambda uid: Response(
        json.dumps({"data": data, "status_code": status, "timestamp": now}), http_status, media_type="application/json"
    )


def decided(allowed: str) -> Answer:
    """Return what an owner says of the token that it is asked about."""
    return lambda uid: said({"allowed": allowed, "token": token(uid, whitelist="NEVER")})(uid)


ANSWERS: dict[str, tuple[Answer, str]] = {
    "ALLOWED": (decided("ALLOWED"), "ACCEPTED"),
    "BLOCKED": (decided("BLOCKED"), "BLOCKED"),
    "EXPIRED": (decided("EXPIRED"), "EXPIRED"),
    "NO_CREDIT": (decided("NO_CREDIT"), "NO_CREDIT"),
    "NOT_ALLOWED": (decided("NOT_ALLOWED"), "NOT_AT_THIS_LOCATION"),
    "a decision that nobody knows": (decided("PERHAPS"), "INVALID"),
    "404": (said(None, 2004, 404), "UNKNOWN"),
    "2004": (said(None, 2004), "UNKNOWN"),
    "500": (lambda uid: Response("<html>oops", 500), ""),
    "busy": (lambda uid: Response("", 429, {"Retry-After": "600"}), ""),
    "cut JSON": (lambda uid: Response('{"data": {"allowed": "ALLOWED", "tok'), ""),
    "a wrong token": (said(None, 2000, 401), ""),
    "3000": (said(None, 3000), ""),
    "2002": (said(None, 2002), ""),
    "nothing": (said(None), ""),
    "no token": (said({"allowed": "ALLOWED"}), ""),
    "another token": (said({"allowed": "ALLOWED", "token": token("0A00FFFF")}), ""),
}
"""What owners answer, and what the station is answered where they are asked. Empty: they have not answered."""

WITHOUT_ANSWER = {"ALWAYS": "ACCEPTED", "ALLOWED": "ACCEPTED", "ALLOWED_OFFLINE": "ACCEPTED", "NEVER": "INVALID"}
"""By mode what the station is answered where owners do not answer."""


async def test_each_answer_of_an_owner_means_one_thing_in_each_mode(core: RunningCore, tmp_path: Path) -> None:
    async with driving(core, tmp_path) as driver:
        await driver.use(ask=Authorizer.ASK_ALL_TOKENS, offline_policy=Authorizer.OFFLINE_POLICY_LOCAL_TOKENS)
        asked: list[str] = []
        current: list[Answer] = []

        def answer(request: Request) -> Response | None:
            if not request.url.path.endswith("/authorize"):
                return None
            uid = request.url.path.split("/")[-2]
            asked.append(uid)
            return current[-1](uid)

        driver.partner.fault = answer
        for name, (given, meaning) in ANSWERS.items():
            current.append(given)
            asked.clear()
            expected = dict.fromkeys(ASKED, meaning) if meaning else {}
            assert await driver.statuses() == {**WITHOUT_ANSWER, **expected}, name
            assert asked == [UIDS[mode] for mode in ASKED], name

        # By these settings of the core a token that is ALLOWED decides itself.
        await driver.use(ask=Authorizer.ASK_UNKNOWN_TOKENS)
        current.append(decided("BLOCKED"))
        asked.clear()
        expected = {mode: "BLOCKED" for mode in ASKED if mode != "ALLOWED"}
        assert await driver.statuses() == {**WITHOUT_ANSWER, **expected}
        assert asked == [UIDS[mode] for mode in ASKED if mode != "ALLOWED"]


async def test_an_owner_who_does_not_answer_by_the_deadline_of_the_core_has_not(
    core: RunningCore, tmp_path: Path
) -> None:
    """An answer that comes later is of no use to the driver."""
    async with driving(core, tmp_path) as driver:
        local = Authorizer.OFFLINE_POLICY_LOCAL_TOKENS
        await driver.use(ask=Authorizer.ASK_ALL_TOKENS, offline_policy=local, timeout=Duration(nanos=400_000_000))
        for uid in UIDS.values():
            driver.partner.decisions[uid] = {"allowed": "BLOCKED", "token": token(uid)}
        driver.partner.answers.clear()

        assert await driver.statuses() == WITHOUT_ANSWER

        driver.partner.answers.set()
        await driver.use(ask=Authorizer.ASK_ALL_TOKENS)
        assert await driver.statuses() == {**dict.fromkeys(ASKED, "BLOCKED"), "ALWAYS": "ACCEPTED"}


async def test_only_who_has_the_credential_asks_and_only_at_the_adapter_that_is_trusted(
    core: RunningCore, tmp_path: Path
) -> None:
    authority = Authority.root()
    certificate, key = authority.server().write(tmp_path, "adapter")
    (tmp_path / "credential").write_text("a secret of core and adapter\n")
    files = {"certificate_file": certificate, "certificate_key_file": key, "credential_file": tmp_path / "credential"}
    async with driving(core, tmp_path, **{f"ocpi_authorizer_{name}": file for name, file in files.items()}) as driver:
        driver.partner.decisions[UIDS["NEVER"]] = {"allowed": "ALLOWED", "token": token(UIDS["NEVER"])}
        trusted = {"tls": True, "ca_certificates": authority.pem}
        uses: dict[str, tuple[dict[str, Any], str]] = {
            "as it should": ({**trusted, "credential": "a secret of core and adapter"}, "ACCEPTED"),
            "a wrong credential": ({**trusted, "credential": "a guess"}, "INVALID"),
            "another authority": (
                {**trusted, "ca_certificates": Authority.root().pem, "credential": "a secret of core and adapter"},
                "INVALID",
            ),
            "in clear": ({"credential": "a secret of core and adapter"}, "INVALID"),
        }
        for name, (fields, expected) in uses.items():
            await driver.use(**fields)
            assert await driver.status(UIDS["NEVER"]) == expected, name

        presented = authorizer.Presentation(id_token=IdToken(id_token=UIDS["NEVER"], type="ISO14443"))
        request = authorizer.AuthorizeRequest(tenant_id="default", presentations=[presented])
        credentials = grpc.ssl_channel_credentials(authority.pem.encode())
        async with grpc.aio.secure_channel(driver.listen, credentials) as channel:
            stub: Any = AuthorizerServiceStub(channel)
            for metadata in ([], [("authorization", "a secret of core and adapter")], [("authorization", "Bearer ")]):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await stub.Authorize(request, metadata=metadata, timeout=timedelta(minutes=1).total_seconds())
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
