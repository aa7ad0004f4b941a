"""What became of resets and network profiles."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest

from citrine.api.v1 import provisioning_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import StatusInfo
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceAsyncStub

TARGET = CommandTarget(station_id="CS-1")


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        # With its answer it is stored that the websocket is open, so that commands find it.
        await session.call(HeartbeatRequest())
        yield session


@pytest.fixture
def api(core: RunningCore) -> "ProvisioningServiceAsyncStub":
    return core.stub(ProvisioningServiceStub)


async def reset(api: "ProvisioningServiceAsyncStub", evse_id: int | None = None) -> pb.ResetResponse:
    request = ocpp.ResetRequest(type=ocpp.RESET_ENUM_ON_IDLE, evse_id=evse_id)
    return await api.Reset(pb.ResetRequest(target=TARGET, request=request))


async def resets(api: "ProvisioningServiceAsyncStub") -> list[pb.StationReset]:
    return list((await api.ListResets(pb.ListResetsRequest(station_id="CS-1"))).resets)


async def test_B12_FR_01_scheduled_reset_is_followed_to_the_boot(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    """That of an EVSE brings no boot, and one that was refused none either."""
    statuses = iter(
        [ocpp.RESET_STATUS_ENUM_SCHEDULED, ocpp.RESET_STATUS_ENUM_ACCEPTED, ocpp.RESET_STATUS_ENUM_REJECTED]
    )
    station.edge.on_command = lambda command: ocpp.ResetResponse(
        status=next(statuses), status_info=StatusInfo(reason_code="FwUpdateInProgress")
    )
    command = (await reset(api)).command
    await reset(api, evse_id=2)
    await reset(api)
    triggered = ocpp.BootNotificationRequest(reason=ocpp.BOOT_REASON_ENUM_TRIGGERED)
    await station.call(triggered)
    assert [one.HasField("boot_time") for one in await resets(api)] == [False] * 3

    await station.call(ocpp.BootNotificationRequest(reason=ocpp.BOOT_REASON_ENUM_SCHEDULED_RESET))

    refused, of_evse, scheduled = await resets(api)
    assert (refused.problem, refused.HasField("boot_time")) == ("Rejected: FwUpdateInProgress", False)
    assert (of_evse.evse_id, of_evse.HasField("boot_time")) == (2, False)
    assert scheduled.status == ocpp.RESET_STATUS_ENUM_SCHEDULED
    assert (scheduled.command_id, scheduled.HasField("boot_time")) == (command.command_id, True)
    page = await api.ListResets(pb.ListResetsRequest(station_id="CS-1", page_size=2))
    page = await api.ListResets(pb.ListResetsRequest(station_id="CS-1", page_size=2, page_token=page.next_page_token))
    assert list(page.resets) == [scheduled]


async def test_reset_without_an_answer_is_kept(station: FakeSession, api: "ProvisioningServiceAsyncStub") -> None:
    station.edge.on_command = lambda command: link.CommandFailure(reason=link.CommandFailure.REASON_LOST)

    with pytest.raises(grpc.aio.AioRpcError):
        await reset(api)

    [shown] = await resets(api)
    assert (shown.HasField("status"), shown.problem.partition(":")[0]) == (False, "ConnectionLost")


def profile(url: str) -> ocpp.NetworkConnectionProfile:
    return ocpp.NetworkConnectionProfile(
        ocpp_interface=ocpp.OCPP_INTERFACE_ENUM_WIRELESS0,
        ocpp_transport=ocpp.OCPP_TRANSPORT_ENUM_JSON,
        ocpp_version=ocpp.OCPP_VERSION_ENUM_OCPP20,
        ocpp_csms_url=url,
        message_timeout=30,
        security_profile=1,
        apn=ocpp.APN(apn="internet", apn_password="the secret", apn_authentication=ocpp.APN_AUTHENTICATION_ENUM_PAP),
    )


async def test_B09_profiles_of_slots_are_kept_without_their_passwords(
    station: FakeSession, api: "ProvisioningServiceAsyncStub"
) -> None:
    """One that the station did not take leaves the one that it has."""
    statuses = iter([ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_ACCEPTED, ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_FAILED])
    station.edge.on_command = lambda command: ocpp.SetNetworkProfileResponse(status=next(statuses))

    for url in ("wss://one.example/ocpp", "wss://two.example/ocpp"):
        request = ocpp.SetNetworkProfileRequest(configuration_slot=1, connection_data=profile(url))
        await api.SetNetworkProfile(pb.SetNetworkProfileRequest(target=TARGET, request=request))

    [slot] = (await api.ListNetworkProfiles(pb.ListNetworkProfilesRequest(station_id="CS-1"))).network_profiles
    assert slot.connection_data.ocpp_csms_url == "wss://one.example/ocpp"
    assert slot.asked_connection_data.ocpp_csms_url == "wss://two.example/ocpp"
    assert (slot.status, slot.problem) == (ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_FAILED, "Failed")
    assert slot.connection_data.apn.apn_password == "********"
    sent = station.edge.commands[0].request.set_network_profile.connection_data
    assert sent.apn.apn_password == "the secret"
