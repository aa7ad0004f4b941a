"""DataTransferService on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator

import pytest
from google.protobuf.struct_pb2 import Value

from citrine.api.v1 import data_transfer_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.data_transfer_pb2_grpc import DataTransferServiceStub
from citrine.ocpp.v2 import data_transfer_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        yield session


async def test_transfers_are_listed_page_by_page_for_their_tenant(core: RunningCore, station: FakeSession) -> None:
    api = core.stub(DataTransferServiceStub)
    await core.add_tenant("other")
    for number in range(3):
        await station.call(ocpp.DataTransferRequest(vendor_id=f"vendor-{number}"))
    request = pb.ListDataTransfersRequest(page_size=2)

    first = await api.ListDataTransfers(request)
    request.page_token = first.next_page_token
    second = await api.ListDataTransfers(request)
    others = await api.ListDataTransfers(pb.ListDataTransfersRequest(), metadata=core.metadata("other"))

    shown = [item.request.vendor_id for item in (*first.data_transfers, *second.data_transfers)]
    assert shown == ["vendor-2", "vendor-1", "vendor-0"]
    assert len(others.data_transfers) == 0


async def test_P01_data_goes_to_a_station_and_its_answer_comes_back(core: RunningCore, station: FakeSession) -> None:
    answer = ocpp.DataTransferResponse(
        status=ocpp.DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_ACCEPTED, data=Value(string_value="21.5")
    )
    station.edge.on_command = lambda command: answer
    request = ocpp.DataTransferRequest(vendor_id="com.example", message_id="read", data=Value(bool_value=True))
    api = core.stub(DataTransferServiceStub)

    response = await api.DataTransfer(pb.DataTransferRequest(target=CommandTarget(station_id="CS-1"), request=request))

    assert response.response == answer
    assert station.edge.commands[0].request.data_transfer == request
