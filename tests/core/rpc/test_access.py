"""Who may call what."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from citrine.api.v1 import keys_pb2, stations_pb2, tenants_pb2, tokens_pb2
from citrine.edge.v1 import link_pb2
from citrine.edge.v1.link_pb2_grpc import EdgeLinkServiceStub
from citrine.events.v1 import events_service_pb2
from citrine_core.errors import Unauthenticated
from citrine_core.rpc.access import Access, rule_of, scopes_of
from citrine_core.rpc.edge_peer import EdgePeer
from tests.support.api import EDGE_CREDENTIAL, Api, auth
from tests.support.contract import rpcs
from tests.support.waiting import WAIT


def methods() -> list[MethodDescriptor]:
    return list(rpcs())


METHODS = methods()


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_rpc_declares_its_access(method: MethodDescriptor) -> None:
    rule = rule_of(path_of(method))

    assert rule is not None
    if rule.any_caller:
        assert not rule.scope
        return
    noun, _, verb = rule.scope.partition(":")
    assert rule.any_caller != bool(noun)
    assert rule.any_caller or verb in ("read", "write", "send") or noun == "remotecontrol"


def test_there_are_rpcs_to_check() -> None:
    assert len(METHODS) > 40
    assert "stations:read" in scopes_of(["citrine.api.v1.StationsService"])


def test_method_that_no_contract_knows_has_no_access() -> None:
    assert rule_of("/citrine.api.v1.StationsService/Nothing") is None
    assert rule_of("/citrine.api.v1.NoService/GetStation") is None
    assert rule_of("/citrine.edge.v1.EdgeLinkService/Link") is None


async def code_of(call: Any) -> grpc.StatusCode:
    try:
        async with asyncio.timeout(WAIT):
            await (call.read() if hasattr(call, "read") else call)
    except grpc.aio.AioRpcError as error:
        return error.code()
    finally:
        call.cancel()
    return grpc.StatusCode.OK


CALLS = [
    pytest.param("stations", "ListStations", stations_pb2.ListStationsRequest(), "stations:read", id="unary"),
    pytest.param("events", "Subscribe", events_service_pb2.SubscribeRequest(), "events:read", id="stream"),
]


@pytest.mark.in_turn
@pytest.mark.parametrize(("service", "rpc", "request_", "scope"), CALLS)
async def test_key_is_needed_and_must_have_the_scope(
    api: Api, service: str, rpc: str, request_: Any, scope: str
) -> None:
    method = getattr(getattr(api, service), rpc)
    other, fitting = await api.key("default", ["tokens:read"]), await api.key("default", [scope])

    assert await code_of(method(request_)) is grpc.StatusCode.UNAUTHENTICATED
    assert await code_of(method(request_, metadata=auth("nonsense"))) is grpc.StatusCode.UNAUTHENTICATED
    assert await code_of(method(request_, metadata=auth(fitting[:-1] + "!"))) is grpc.StatusCode.UNAUTHENTICATED
    assert await code_of(method(request_, metadata=auth(other))) is grpc.StatusCode.PERMISSION_DENIED
    assert await code_of(method(request_, metadata=auth(fitting))) is grpc.StatusCode.OK
    assert await code_of(method(request_, metadata=auth(await api.key()))) is grpc.StatusCode.OK


@pytest.mark.in_turn
@pytest.mark.parametrize(("service", "rpc", "request_", "scope"), CALLS)
async def test_key_does_not_choose_another_tenant(api: Api, service: str, rpc: str, request_: Any, scope: str) -> None:
    method = getattr(getattr(api, service), rpc)
    key, operator = await api.tenant("acme"), await api.key()

    assert await code_of(method(request_, metadata=auth(key, "acme"))) is grpc.StatusCode.OK
    assert await code_of(method(request_, metadata=auth(key, "default"))) is grpc.StatusCode.PERMISSION_DENIED
    assert await code_of(method(request_, metadata=auth(operator, "acme"))) is grpc.StatusCode.OK
    assert await code_of(method(request_, metadata=auth(operator, "nobody"))) is grpc.StatusCode.NOT_FOUND


async def test_wrong_secret_of_a_known_key_is_refused(api: Api) -> None:
    key = await api.key()
    forged = key[:-43] + "A" * 43

    call = api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(forged))

    assert await code_of(call) is grpc.StatusCode.UNAUTHENTICATED


async def test_only_the_operator_sees_tenants(api: Api) -> None:
    key = await api.tenant("acme")

    call = api.tenants.ListTenants(tenants_pb2.ListTenantsRequest(), metadata=auth(key))

    assert await code_of(call) is grpc.StatusCode.PERMISSION_DENIED


async def test_expired_key_is_refused(api: Api) -> None:
    key = await api.key("default", expire_time=api.clock.utc_now() + timedelta(seconds=60))
    request = stations_pb2.ListStationsRequest()
    assert await code_of(api.stations.ListStations(request, metadata=auth(key))) is grpc.StatusCode.OK

    api.clock.ahead = 61

    assert await code_of(api.stations.ListStations(request, metadata=auth(key))) is grpc.StatusCode.UNAUTHENTICATED


async def test_revoked_key_is_refused_within_seconds(api: Api) -> None:
    operator, key = await api.key(), await api.key("default")
    request = stations_pb2.ListStationsRequest()
    assert await code_of(api.stations.ListStations(request, metadata=auth(key))) is grpc.StatusCode.OK
    await api.keys.RevokeKey(keys_pb2.RevokeKeyRequest(key_id=key.split("_")[1]), metadata=auth(operator))

    api.clock.ahead = 5.1

    assert await code_of(api.stations.ListStations(request, metadata=auth(key))) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.in_turn
@pytest.mark.parametrize("credential", [None, "wrong"])
async def test_edge_link_has_a_credential_of_its_own(api: Api, credential: str | None) -> None:
    stub = EdgeLinkServiceStub(api.channel)
    metadata = auth(credential) if credential else ()

    call = stub.Link(iter([link_pb2.LinkRequest()]), metadata=metadata)

    # This server has no such service; that it has none is said before a credential is asked for.
    assert await code_of(call) is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(Exception, match="edge link"):
        await api.access.check("/citrine.edge.v1.EdgeLinkService/Link", dict(metadata))


async def test_refused_edges_are_a_warning_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """An edge tries again and again; the log stays readable."""
    now = 0.0

    async def no_tenant(tenant_id: str) -> bool:
        return False

    async def refuse(metadata: Mapping[str, str], certificate: bytes | None) -> EdgePeer:
        raise Unauthenticated("it is nobody")

    access = Access([], no_tenant, refuse, lambda: now)
    for second in range(122):
        now = float(second)
        with pytest.raises(Unauthenticated):
            await access.check("/citrine.edge.v1.EdgeLinkService/Link", {"authorization": "Bearer wrong"})

    said = [(record.levelname, getattr(record, "attempts", 0)) for record in caplog.records]
    assert said == [("WARNING", 1), ("WARNING", 60), ("WARNING", 60)]


async def test_edge_with_the_credential_needs_no_key(api: Api) -> None:
    metadata = dict(auth(EDGE_CREDENTIAL))

    assert await api.access.check("/citrine.edge.v1.EdgeLinkService/Link", metadata) is None


OTHERS = [
    pytest.param("stations", "GetStation", stations_pb2.GetStationRequest(station_id="S-1"), id="GetStation"),
    pytest.param(
        "stations",
        "UpdateStation",
        stations_pb2.UpdateStationRequest(station=stations_pb2.Station(station_id="S-1", description="mine")),
        id="UpdateStation",
    ),
    pytest.param(
        "stations",
        "SetStationPassword",
        stations_pb2.SetStationPasswordRequest(station_id="S-1"),
        id="SetStationPassword",
    ),
    pytest.param("stations", "DeleteStation", stations_pb2.DeleteStationRequest(station_id="S-1"), id="DeleteStation"),
    pytest.param("tokens", "GetToken", tokens_pb2.GetTokenRequest(id_token="T-1"), id="GetToken"),
    pytest.param(
        "tokens",
        "UpdateToken",
        tokens_pb2.UpdateTokenRequest(token=tokens_pb2.Token(id_token="T-1", type="Central", description="mine")),
        id="UpdateToken",
    ),
    pytest.param("tokens", "DeleteToken", tokens_pb2.DeleteTokenRequest(id_token="T-1"), id="DeleteToken"),
    pytest.param("keys", "RevokeKey", keys_pb2.RevokeKeyRequest(), id="RevokeKey"),
    pytest.param(
        "events", "WatchMessages", events_service_pb2.WatchMessagesRequest(station_ids=["S-1"]), id="WatchMessages"
    ),
]


@pytest.mark.parametrize(("service", "rpc", "request_"), OTHERS)
async def test_what_belongs_to_another_tenant_is_not_found(api: Api, service: str, rpc: str, request_: Any) -> None:
    theirs, ours = await api.key("default"), await api.tenant("acme")
    await api.stations.CreateStation(
        stations_pb2.CreateStationRequest(station=stations_pb2.Station(station_id="S-1")), metadata=auth(theirs)
    )
    await api.tokens.CreateToken(
        tokens_pb2.CreateTokenRequest(token=tokens_pb2.Token(id_token="T-1", type="Central")), metadata=auth(theirs)
    )
    if rpc == "RevokeKey":
        request_ = keys_pb2.RevokeKeyRequest(key_id=theirs.split("_")[1])
    method = getattr(getattr(api, service), rpc)

    assert await code_of(method(request_, metadata=auth(ours))) is grpc.StatusCode.NOT_FOUND
    assert await code_of(method(request_, metadata=auth(theirs))) is grpc.StatusCode.OK


async def test_lists_show_only_the_own_tenant(api: Api) -> None:
    theirs, ours = await api.key("default"), await api.tenant("acme")
    await api.stations.CreateStation(
        stations_pb2.CreateStationRequest(station=stations_pb2.Station(station_id="S-1")), metadata=auth(theirs)
    )
    await api.tokens.CreateToken(
        tokens_pb2.CreateTokenRequest(token=tokens_pb2.Token(id_token="T-1", type="Central")), metadata=auth(theirs)
    )

    stations = await api.stations.ListStations(stations_pb2.ListStationsRequest(), metadata=auth(ours))
    tokens = await api.tokens.ListTokens(tokens_pb2.ListTokensRequest(), metadata=auth(ours))
    keys = await api.keys.ListKeys(keys_pb2.ListKeysRequest(), metadata=auth(ours))

    assert not stations.stations
    assert not tokens.tokens
    assert [key.tenant_id for key in keys.keys] == ["acme"]
