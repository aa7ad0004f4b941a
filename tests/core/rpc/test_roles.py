"""Roles: what keys and tokens with them may do, and that each scope has its place."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from citrine.api.v1 import commands_pb2, keys_pb2, stations_pb2
from citrine.api.v1.authorization_pb2 import UpdateAuthorizationSettingsRequest
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceStub
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.firmware_management_pb2 import UpdateFirmwareRequest
from citrine.api.v1.firmware_management_pb2_grpc import FirmwareManagementServiceStub
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest, RequestStopTransactionRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine_core.rpc.roles import ALL_SCOPES, FOR_ADMINS, INCLUDED, ROLES, allowed
from tests.conventions.roles import rpcs_by_scope
from tests.support.api import auth
from tests.support.core import RunningCore, running_core
from tests.support.waiting import WAIT

DENIED = grpc.StatusCode.PERMISSION_DENIED


def test_each_scope_of_the_contract_is_of_a_role_or_of_admins_alone() -> None:
    """A new scope has its place in `citrine_core.rpc.roles`: who is to have it is decided there."""
    placed = frozenset().union(*(allowed(role.scopes) for role in ROLES.values() if ALL_SCOPES not in role.scopes))
    scopes = frozenset(rpcs_by_scope())

    assert scopes - placed - FOR_ADMINS == set()
    assert not placed & FOR_ADMINS
    assert (placed | FOR_ADMINS).union(*INCLUDED.values()) - scopes == set()


async def test_keys_may_do_what_their_roles_say(sqlite_url: str, tmp_path: Path) -> None:
    async with running_core(sqlite_url, tmp_path) as core:
        await core.add_station("CS-1")
        roaming = await key(core, roles=["roaming"])
        await _may_start_and_stop_but_not_flash(core, roaming)
        await _calls_need_the_scope_of_their_action(core)
        await _old_keys_can_do_what_they_could(core)
        await _roles_are_given_by_who_has_them(core)


async def _may_start_and_stop_but_not_flash(core: RunningCore, roaming: str) -> None:
    remote = core.stub(RemoteControlServiceStub)
    for call, request in (
        (remote.RequestStartTransaction, RequestStartTransactionRequest()),
        (remote.RequestStopTransaction, RequestStopTransactionRequest()),
        (core.stub(AvailabilityServiceStub).ListConnectors, ListConnectorsRequest()),
    ):
        assert await code(call, request, roaming) is not DENIED
    assert (
        await code(core.stub(StationsServiceStub).ListStations, stations_pb2.ListStationsRequest(), roaming) is DENIED
    )
    update = core.stub(FirmwareManagementServiceStub).UpdateFirmware
    assert await code(update, UpdateFirmwareRequest(), roaming) is DENIED


async def _calls_need_the_scope_of_their_action(core: RunningCore) -> None:
    caller = await key(core, scopes=["calls:send", "resets:send"])
    call = core.stub(CommandsServiceStub).CallStation
    requests = {
        "Reset": grpc.StatusCode.INVALID_ARGUMENT,
        "UpdateFirmware": DENIED,
        "SetDefaultTariff": DENIED,
        "NoSuchAction": DENIED,
    }
    for action, expected in requests.items():
        request = commands_pb2.CallStationRequest(action=action)
        request.target.station_id = "CS-1"
        assert await code(call, request, caller) is expected, action
    native = commands_pb2.CallStationRequest(action="Reset", native=True)
    native.target.station_id = "CS-1"
    assert await code(call, native, caller) is DENIED
    assert await code(call, native, await key(core, scopes=["calls:send", "calls:native"])) is not DENIED


async def _old_keys_can_do_what_they_could(core: RunningCore) -> None:
    old = await key(core, scopes=["commands:send", "stations:read"])
    update = core.stub(FirmwareManagementServiceStub).UpdateFirmware
    assert await code(update, UpdateFirmwareRequest(), old) is grpc.StatusCode.INVALID_ARGUMENT
    assert await code(core.stub(AvailabilityServiceStub).ListConnectors, ListConnectorsRequest(), old) is (
        grpc.StatusCode.OK
    )
    settings = core.stub(AuthorizationServiceStub).UpdateAuthorizationSettings
    assert await code(settings, UpdateAuthorizationSettingsRequest(), old) is DENIED


async def _roles_are_given_by_who_has_them(core: RunningCore) -> None:
    keys = core.stub(KeysServiceStub)
    listed = await keys.ListRoles(keys_pb2.ListRolesRequest())
    assert [role.name for role in listed.roles] == ["viewer", "operator", "technician", "roaming", "billing", "admin"]
    assert "availability:read" in listed.roles[0].scopes
    admin = await key(core, roles=["admin"])
    viewer = await key(core, roles=["viewer"], scopes=["keys:write"])

    made = await keys.CreateKey(keys_pb2.CreateKeyRequest(display_name="mine", roles=["viewer"]), metadata=auth(viewer))
    rotated = await keys.RotateKey(keys_pb2.RotateKeyRequest(key_id=made.key.key_id), metadata=auth(admin))
    assert list(rotated.key.roles) == ["viewer"]

    for more in ("billing", "admin"):
        request = keys_pb2.CreateKeyRequest(display_name="more", roles=[more])
        assert await code(keys.CreateKey, request, viewer) is DENIED
        assert await code(keys.CreateKey, request, admin) is grpc.StatusCode.OK
    request = keys_pb2.CreateKeyRequest(display_name="none", roles=["chief"])
    with pytest.raises(grpc.aio.AioRpcError, match=r"roles\[0\]: there is no role chief; there are: viewer"):
        await keys.CreateKey(request, metadata=auth(admin))


async def key(core: RunningCore, **fields: Any) -> str:
    request = keys_pb2.CreateKeyRequest(display_name="test", **fields)
    made = await core.stub(KeysServiceStub).CreateKey(request, metadata=[("citrine-tenant", "default")])
    return str(made.secret)


async def code(call: Any, request: Any, credential: str) -> grpc.StatusCode:
    try:
        await call(request, metadata=auth(credential), timeout=WAIT)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
