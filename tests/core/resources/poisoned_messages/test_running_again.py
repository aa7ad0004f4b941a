"""Poisoned messages on a whole core: listed, shown, and run again once the defect is repaired."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from citrine.api.v1 import poisoned_messages_pb2 as pb
from citrine.api.v1.poisoned_messages_pb2_grpc import PoisonedMessagesServiceStub
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest, DataTransferResponse, DataTransferStatusEnum
from citrine_core.blocks import blocks_of
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block, Call, handles_vendor
from citrine_core.services import Services
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import RefusedByCore


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
        return DataTransferResponse(status=DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_ACCEPTED)


async def send(core: RunningCore, *message_ids: str) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        for message_id in message_ids:
            with pytest.raises(RefusedByCore):
                await session.call(DataTransferRequest(vendor_id="acme", message_id=message_id))


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
            await api.RunPoisonedMessage(pb.RunPoisonedMessageRequest(id=first.id))
        vendor.has_defect = False
        answer = await api.RunPoisonedMessage(pb.RunPoisonedMessageRequest(id=first.id))
        await api.DeletePoisonedMessage(pb.DeletePoisonedMessageRequest(id=second.id))
        left = await api.ListPoisonedMessages(pb.ListPoisonedMessagesRequest())
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await api.RunPoisonedMessage(pb.RunPoisonedMessageRequest(id=first.id))

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
