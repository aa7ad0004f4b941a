"""What lists of smart charging show can be got one by one, by its tenant alone."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from tests.core.blocks.smart_charging.test_handlers import limited, needs
from tests.core.blocks.smart_charging.test_servicer import SET, profile, setting
from tests.support.core import PASSWORD, RunningCore

NAMES = (
    ("GetChargingProfileRecord", "record_id"),
    ("GetChargingNegotiation", "negotiation_id"),
    ("GetChargingLimit", "limit_id"),
)
"""Rpcs of what the core numbers."""


async def test_each_is_got_as_its_list_shows_it(core: RunningCore) -> None:
    api: Any = core.stub(SmartChargingServiceStub)
    await core.add_station("CS-1", registration=1)
    await core.add_tenant("other")
    async with core.edge() as edge:
        edge.on_command = lambda command: SET
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(HeartbeatRequest())
        await api.SetChargingProfile(setting(profile()))
        await station.call(needs())
        await station.call(limited("EMS", 1, 4))
    wanted = pb.ChargingCapacity(station_id="CS-1", evse_id=1, max_current_a=32)
    await api.SetChargingCapacity(pb.SetChargingCapacityRequest(capacity=wanted))
    listed: list[Message] = [
        (await api.ListChargingProfiles(pb.ListChargingProfilesRequest())).profiles[-1],
        (await api.ListChargingNegotiations(pb.ListChargingNegotiationsRequest())).negotiations[0],
        (await api.ListChargingLimits(pb.ListChargingLimitsRequest())).limits[0],
        (await api.ListChargingCapacities(pb.ListChargingCapacitiesRequest())).capacities[0],
    ]

    requests = [
        (rpc, getattr(pb, f"{rpc}Request")(**{name: getattr(one, name)}))
        for (rpc, name), one in zip(NAMES, listed, strict=False)
    ]
    requests.append(("GetChargingCapacity", pb.GetChargingCapacityRequest(station_id="CS-1", evse_id=1)))
    assert [await getattr(api, rpc)(request) for rpc, request in requests] == listed
    for rpc, request in requests:
        with pytest.raises(grpc.aio.AioRpcError, match="does not exist"):
            await getattr(api, rpc)(request, metadata=core.metadata("other"))
