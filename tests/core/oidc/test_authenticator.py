"""Callers with tokens of an OpenID Connect provider, at a whole core."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest

from citrine.api.v1 import keys_pb2, stations_pb2, tenants_pb2
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.events.v1 import events_service_pb2
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from tests.support.api import auth
from tests.support.core import RunningCore, running_core
from tests.support.issuer import AUDIENCE, Issuer, issuer
from tests.support.waiting import WAIT

__all__ = ["issuer"]

LIST = stations_pb2.ListStationsRequest()


@contextlib.asynccontextmanager
async def core_of(issuer: Issuer, url: str, path: Path, **settings: Any) -> AsyncIterator[RunningCore]:
    values = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, **settings}
    async with running_core(url, path, **values) as core:
        await core.add_tenant("acme")
        yield core


async def answer(core: RunningCore, token: str, tenant_id: str | None = None) -> tuple[grpc.StatusCode, str]:
    try:
        await core.stub(StationsServiceStub).ListStations(LIST, metadata=auth(token, tenant_id), timeout=WAIT)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


async def test_tenant_and_scopes_come_from_the_claims(database_url: str, tmp_path: Path, issuer: Issuer) -> None:
    async with core_of(issuer, database_url, tmp_path) as core:
        await core.add_station("CS-1", tenant_id="acme")
        token = issuer.token(tenant="acme", scope="stations:read profile")

        found = await core.stub(StationsServiceStub).ListStations(LIST, metadata=auth(token))

        assert [station.station_id for station in found.stations] == ["CS-1"]
        request = stations_pb2.DeleteStationRequest(station_id="CS-1")
        with pytest.raises(grpc.aio.AioRpcError, match="the token lacks the scope stations:write"):
            await core.stub(StationsServiceStub).DeleteStation(request, metadata=auth(token))
        assert await answer(core, token, "default") == (
            grpc.StatusCode.PERMISSION_DENIED,
            "the token is of another tenant",
        )


async def test_roles_are_made_scopes_by_the_settings(sqlite_url: str, tmp_path: Path, issuer: Issuer) -> None:
    settings = {
        "oidc_roles_claim": "realm_access.roles",
        "oidc_roles": "viewer=stations:read; admin=*",
        "oidc_operator_role": "operator",
        "oidc_tenant_claim": "https://citrine.example/tenant",
    }
    tenant = {"https://citrine.example/tenant": "acme"}
    async with core_of(issuer, sqlite_url, tmp_path, **settings) as core:
        assert (await answer(core, issuer.token(realm_access={"roles": ["viewer"]}, **tenant)))[0].name == "OK"
        assert (await answer(core, issuer.token(realm_access={"roles": ["stations:read"]}, **tenant)))[0] is (
            grpc.StatusCode.PERMISSION_DENIED
        )
        tenants = core.stub(TenantsServiceStub)
        operator = issuer.token(realm_access={"roles": ["operator", "admin"]})
        listed = await tenants.ListTenants(tenants_pb2.ListTenantsRequest(), metadata=auth(operator))
        assert {tenant.tenant_id for tenant in listed.tenants} == {"acme", "default"}
        admin = issuer.token(realm_access={"roles": ["admin"]}, **tenant)
        with pytest.raises(grpc.aio.AioRpcError, match="only the operator"):
            await tenants.ListTenants(tenants_pb2.ListTenantsRequest(), metadata=auth(admin))


async def test_token_that_is_not_as_it_must_be_is_refused(sqlite_url: str, tmp_path: Path, issuer: Issuer) -> None:
    async with core_of(issuer, sqlite_url, tmp_path) as core:
        good = {"tenant": "acme", "scope": "*"}
        forger = Issuer()
        forged = forger.token(**good, iss=issuer.url)
        forger.close()
        head, body, _ = issuer.token(**good).split(".")
        bad = {
            "has expired": issuer.token(**good, exp=int(time.time()) - 60),
            "is not valid yet": issuer.token(**good, nbf=int(time.time()) + 600),
            "is for another audience": issuer.token(**good, aud="somebody else"),
            "is of another issuer": issuer.token(**good, iss="https://elsewhere.example"),
            "lacks one of the claims": issuer.token(**good, exp=None),
            "has a wrong signature": forged,
            "that is not allowed": jwt.encode({"sub": "alice"}, "a shared secret that is long enough", "HS256"),
            "that is not allowed here": jwt.encode({"sub": "alice"}, "", "none"),
            "wrong signature": f"{head}.{body}.AAAA",
            "is no JWT": "a.b.c",
        }

        for reason, token in bad.items():
            code, text = await answer(core, token)
            assert (code, reason in text) == (grpc.StatusCode.UNAUTHENTICATED, True), (reason, text)
        assert (await answer(core, issuer.token(**{**good, "tenant": "nobody"})))[0].name == "PERMISSION_DENIED"
        assert (await answer(core, issuer.token(scope="*")))[0].name == "PERMISSION_DENIED"
        assert (await answer(core, issuer.token(**good)))[0].name == "OK"


async def test_new_key_of_the_provider_is_taken_up_without_a_restart(
    sqlite_url: str, tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.oidc.issuer_keys.RETRY", 0.0)
    async with core_of(issuer, sqlite_url, tmp_path, oidc_algorithms="RS256,ES256") as core:
        assert (await answer(core, issuer.token(tenant="acme", scope="*")))[0].name == "OK"
        issuer.add_key("second", "EC")

        code, text = await answer(core, issuer.token("second", "ES256", tenant="acme", scope="*"))

        assert (code, text) == (grpc.StatusCode.OK, "")
        withdrawn = issuer.token(tenant="acme", scope="*")
        del issuer.keys["first"]
        assert (await answer(core, issuer.token("second", "RS256", key=_rsa(), tenant="acme")))[0].name != "OK"
        assert (await answer(core, jwt_with_unknown_key(issuer)))[0].name == "UNAUTHENTICATED"
        assert (await answer(core, withdrawn))[0].name == "UNAUTHENTICATED"


def _rsa() -> Any:
    other = Issuer()
    other.close()
    return other.keys["first"]


def jwt_with_unknown_key(issuer: Issuer) -> str:
    return issuer.token("third", "ES256", key=issuer.keys["second"], tenant="acme", scope="*")


async def test_unknown_keys_cause_few_fetches(sqlite_url: str, tmp_path: Path, issuer: Issuer) -> None:
    async with core_of(issuer, sqlite_url, tmp_path) as core:
        assert (await answer(core, issuer.token(tenant="acme", scope="*")))[0].name == "OK"
        fetches = issuer.fetches

        for number in range(20):
            token = issuer.token(f"key-{number}", key=issuer.keys["first"], tenant="acme", scope="*")
            assert (await answer(core, token))[0] is grpc.StatusCode.UNAUTHENTICATED

        assert issuer.fetches == fetches


async def test_provider_that_is_down_locks_nobody_out(
    sqlite_url: str, tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.oidc.issuer_keys.RETRY", 0.0)
    async with core_of(issuer, sqlite_url, tmp_path) as core:
        token = issuer.token(tenant="acme", scope="*")
        assert (await answer(core, token))[0].name == "OK"
        down = Issuer()
        down.close()

        monkeypatch.setattr(issuer, "answer", lambda request: request.send_error(500))

        unknown = issuer.token("other", key=issuer.keys["first"], tenant="acme", scope="*")
        assert (await answer(core, unknown))[0].name == "UNAUTHENTICATED"
        assert (await answer(core, token))[0].name == "OK"
        assert (await answer(core, core.key))[0].name == "OK"


async def test_core_starts_without_its_provider(sqlite_url: str, tmp_path: Path, issuer: Issuer) -> None:
    token = issuer.token(tenant="acme", scope="*")
    answers, issuer.answer = issuer.answer, lambda request: request.send_error(503)  # type: ignore[method-assign]
    async with core_of(issuer, sqlite_url, tmp_path) as core:
        assert (await answer(core, token))[0] is grpc.StatusCode.UNAVAILABLE
        assert (await answer(core, core.key))[0].name == "OK"

        issuer.answer = answers  # type: ignore[method-assign]
        assert core.core.tokens.jobs[0].name == "keys of the token issuer"
        core.core.tokens.jobs[0].wake()

        async with asyncio.timeout(WAIT):
            while (await answer(core, token))[0] is not grpc.StatusCode.OK:
                await asyncio.sleep(0.05)


async def test_stream_ends_when_its_token_expires(
    sqlite_url: str, tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.rpc.rechecks.RECHECK_INTERVAL", 0.05)
    monkeypatch.setattr("citrine_core.oidc.authenticator.LEEWAY", 0)
    async with core_of(issuer, sqlite_url, tmp_path) as core:
        token = issuer.token(tenant="acme", scope="events:read", exp=int(time.time()) + 2)
        stream = core.stub(EventsServiceStub).Subscribe(events_service_pb2.SubscribeRequest(), metadata=auth(token))
        await stream.read()

        async with asyncio.timeout(WAIT):
            assert await stream.code() is grpc.StatusCode.UNAUTHENTICATED

        assert "has expired" in await stream.details()


async def test_key_made_with_a_token_ends_with_it(sqlite_url: str, tmp_path: Path, issuer: Issuer) -> None:
    async with core_of(issuer, sqlite_url, tmp_path) as core:
        token = issuer.token(tenant="acme", scope="keys:write stations:read")
        request = keys_pb2.CreateKeyRequest(display_name="k", scopes=["stations:read"])

        with pytest.raises(grpc.aio.AioRpcError, match="valid longer than itself"):
            await core.stub(KeysServiceStub).CreateKey(request, metadata=auth(token))
