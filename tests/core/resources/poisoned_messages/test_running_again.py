"""Poisoned messages on a whole core: listed, shown, and run again once the defect is repaired."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Value

from citrine.api.v1 import poisoned_messages_pb2 as pb
from citrine.api.v1.poisoned_messages_pb2_grpc import PoisonedMessagesServiceStub
from citrine.edge.v1.link_pb2 import StationCall
from citrine.ocpp.actions import wrap_request
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest, DataTransferResponse, DataTransferStatusEnum
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine_core.blocks import blocks_of
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block, Call, handles_vendor
from citrine_core.dispatch.poisoned import PoisonedMessages
from citrine_core.rpc import to_timestamp
from citrine_core.services import Services
from tests.support.blocks import NOW
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import RefusedByCore

BOOT = BootNotificationRequest(
    reason=BOOT_REASON_ENUM_POWER_UP, charging_station=ChargingStation(vendor_name="Example", model="One")
)


class Vendor:
    """A handler with a defect, until it is repaired."""

    def __init__(self) -> None:
        self.has_defect = True
        self.handled: list[str] = []

    @handles_vendor("acme")
    async def handle(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        if self.has_defect:
            raise LookupError("no such drawer")
        work.after_commit(lambda: self.handled.append(call.message.message_id))
        data = call.message.data if call.message.HasField("data") else None
        return DataTransferResponse(status=DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_ACCEPTED, data=data)


async def send(core: RunningCore, *message_ids: str, **fields: Any) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        for message_id in message_ids:
            with pytest.raises(RefusedByCore):
                await session.call(DataTransferRequest(vendor_id="acme", message_id=message_id, **fields))


async def test_a_poisoned_message_is_shown_and_run_again(database_url: str, tmp_path: Path) -> None:
    vendor = Vendor()

    def make_blocks(services: Services) -> Sequence[Block]:
        return [*blocks_of(services), Block("acme", [vendor])]

    async with running_core(database_url, tmp_path, make_blocks=make_blocks) as core:
        api: Any = core.stub(PoisonedMessagesServiceStub)
        await send(core, "first", "second")
        second, first = (await api.ListPoisonedMessages(pb.ListPoisonedMessagesRequest())).messages
        others = await api.ListPoisonedMessages(pb.ListPoisonedMessagesRequest(action="Heartbeat"))
        with pytest.raises(grpc.aio.AioRpcError) as again:
            await api.RunPoisonedMessage(pb.RunPoisonedMessageRequest(poisoned_message_id=first.poisoned_message_id))
        vendor.has_defect = False
        answer = await api.RunPoisonedMessage(
            pb.RunPoisonedMessageRequest(poisoned_message_id=first.poisoned_message_id)
        )
        await api.DeletePoisonedMessage(pb.DeletePoisonedMessageRequest(poisoned_message_id=second.poisoned_message_id))
        left = await api.ListPoisonedMessages(pb.ListPoisonedMessagesRequest())
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await api.RunPoisonedMessage(pb.RunPoisonedMessageRequest(poisoned_message_id=first.poisoned_message_id))

    assert (first.station_id, first.action, first.error) == ("CS-1", "DataTransfer", "LookupError: no such drawer")
    assert dict(first.request) == {"vendorId": "acme", "messageId": "first"}
    assert list(others.messages) == []
    assert (again.value.code(), gone.value.code()) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
    )
    assert dict(answer.response) == {"status": "Accepted"}
    assert vendor.handled == ["first"]
    assert list(left.messages) == []


async def test_a_message_that_can_not_be_shown_hides_no_other_one(database_url: str, tmp_path: Path) -> None:
    """It is listed, run and removed as any other, and what it says is left out."""
    vendor = Vendor()

    def make_blocks(services: Services) -> Sequence[Block]:
        return [*blocks_of(services), Block("acme", [vendor])]

    async with running_core(database_url, tmp_path, make_blocks=make_blocks) as core:
        api: Any = core.stub(PoisonedMessagesServiceStub)
        await send(core, "odd", data=Value(number_value=math.nan))
        listed = await api.ListPoisonedMessages(pb.ListPoisonedMessagesRequest())
        [odd] = listed.messages
        got = await api.GetPoisonedMessage(pb.GetPoisonedMessageRequest(poisoned_message_id=odd.poisoned_message_id))
        vendor.has_defect = False
        answer = await api.RunPoisonedMessage(pb.RunPoisonedMessageRequest(poisoned_message_id=odd.poisoned_message_id))
        left = await api.ListPoisonedMessages(pb.ListPoisonedMessagesRequest())

    assert (odd.station_id, odd.action, odd.HasField("request")) == ("CS-1", "DataTransfer", False)
    assert odd.error.startswith("LookupError: no such drawer (the request can't be shown: CodecError: /data: ")
    assert (got, odd.HasField("receive_time"), bool(odd.message_id)) == (odd, True, True)
    assert not answer.HasField("response")
    assert (vendor.handled, list(left.messages)) == (["odd"], [])


async def test_what_has_happened_since_is_not_overwritten(core: RunningCore) -> None:
    """A boot before the last one, and what a station said that was deleted, are not of the present."""
    api: Any = core.stub(PoisonedMessagesServiceStub)

    async def run_boot(receive_time: datetime) -> str:
        boot = wrap_request(BOOT)
        call = StationCall(id=1, message_id="1", request=boot, receive_time=to_timestamp(receive_time))
        async with core.core.unit_of_work() as work:
            text = call.SerializeToString()
            await PoisonedMessages(work.session).add("default", "CS-1", "BootNotification", text, "defect", NOW)
            await work.commit()
        [message] = (await api.ListPoisonedMessages(pb.ListPoisonedMessagesRequest())).messages
        try:
            answer = await api.RunPoisonedMessage(
                pb.RunPoisonedMessageRequest(poisoned_message_id=message.poisoned_message_id)
            )
        except grpc.aio.AioRpcError as error:
            await api.DeletePoisonedMessage(
                pb.DeletePoisonedMessageRequest(poisoned_message_id=message.poisoned_message_id)
            )
            return f"{error.code().name}: {error.details()}"
        return str(answer.response["status"])

    await core.add_station("CS-1", create_time=NOW - timedelta(hours=3), boot_time=NOW - timedelta(hours=1))

    older = await run_boot(NOW - timedelta(hours=4))
    earlier = await run_boot(NOW - timedelta(hours=2))
    later = await run_boot(NOW)

    assert (
        older
        == "FAILED_PRECONDITION: the message is of a station that was deleted; another one was created with its id"
    )
    assert (earlier, later) == ("FAILED_PRECONDITION: the station has booted since", "Accepted")
