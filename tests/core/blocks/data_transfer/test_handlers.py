"""DataTransfer of stations, with the plug-in of a vendor installed as pip would."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.struct_pb2 import Value
from sqlalchemy import text

from citrine.api.v1 import data_transfer_pb2 as pb
from citrine.api.v1.data_transfer_pb2_grpc import DataTransferServiceStub
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferStatusEnum as Status
from citrine_core.db.upgrade import upgrade
from tests.support.blocks import events
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeSession, RefusedByCore
from tests.support.plug_in import install_example_block

VENDOR = "com.example.thermometers"


@pytest.fixture
async def core_with_plug_in(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningCore]:
    install_example_block(tmp_path, monkeypatch)
    await upgrade(database_url)
    async with running_core(database_url, tmp_path) as core:
        await core.add_station("CS-1", registration=1)
        yield core


@pytest.fixture
async def station(core_with_plug_in: RunningCore) -> AsyncIterator[FakeSession]:
    async with core_with_plug_in.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


def transfer(message_id: str | None, data: float | str | None = None, vendor_id: str = VENDOR) -> DataTransferRequest:
    value = Value(number_value=data) if isinstance(data, float) else Value(string_value=data or "")
    return DataTransferRequest(vendor_id=vendor_id, message_id=message_id, data=None if data is None else value)


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(transfer("reading", 21.5), "ACCEPTED", id="P02.FR.08-accepted"),
        pytest.param(transfer("reading", "warm"), "REJECTED", id="P02.FR.08-rejected"),
        pytest.param(transfer("other"), "UNKNOWN_MESSAGE_ID", id="P02.FR.07-other-message"),
        pytest.param(transfer(None), "UNKNOWN_MESSAGE_ID", id="P02.FR.07-no-message"),
        pytest.param(transfer("reading", 1.0, "com.example.other"), "UNKNOWN_VENDOR_ID", id="P02.FR.06-vendor"),
    ],
)
async def test_vendors_answer_what_is_theirs(
    core_with_plug_in: RunningCore, station: FakeSession, request_: DataTransferRequest, status: str
) -> None:
    answer = await station.call(request_)

    assert answer.status == Status.Value(f"DATA_TRANSFER_STATUS_ENUM_{status}")
    api = core_with_plug_in.stub(DataTransferServiceStub)
    [stored] = (await api.ListDataTransfers(pb.ListDataTransfersRequest(station_id="CS-1"))).data_transfers
    assert (stored.station_id, stored.request, stored.response) == ("CS-1", request_, answer)


async def test_plug_in_stores_in_its_own_table(core_with_plug_in: RunningCore, station: FakeSession) -> None:
    """Within the transaction of the call."""
    await station.call_all([transfer("reading", 21.5), transfer("reading", 22.0)])

    async with core_with_plug_in.core.unit_of_work(read_only=True) as work:
        rows = (await work.session.execute(text("SELECT celsius FROM example_readings ORDER BY id"))).all()
    assert [row[0] for row in rows] == [21.5, 22.0]


async def test_same_content_again_is_another_message(core_with_plug_in: RunningCore, station: FakeSession) -> None:
    """Only a vendor knows what in its data makes two the same: twice the same reading is no repetition."""
    for _ in range(2):
        await station.call(transfer("reading", 21.5), message_id="the same")

    async with core_with_plug_in.core.unit_of_work(read_only=True) as work:
        assert list(await work.session.scalars(text("SELECT celsius FROM example_readings"))) == [21.5, 21.5]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("message_id", "code"),
    [pytest.param("refuse", "FormatViolation", id="refused"), pytest.param("poison", "InternalError", id="mistake")],
)
async def test_call_that_a_plug_in_refuses_or_breaks_at_is_not_stored(
    core_with_plug_in: RunningCore, station: FakeSession, message_id: str, code: str
) -> None:
    """Others of the same batch are."""
    calls = [station.edge.put_call(station.ref, transfer(m, 20.0)) for m in ("reading", message_id, "reading")]
    answers = [await station.edge.answer_to(calls[0])]
    with pytest.raises(RefusedByCore) as refused:
        await station.edge.answer_to(calls[1])
    answers.append(await station.edge.answer_to(calls[2]))

    assert refused.value.code == code
    assert "mistake" not in refused.value.description
    assert [answer.status for answer in answers] == [Status.DATA_TRANSFER_STATUS_ENUM_ACCEPTED] * 2
    api = core_with_plug_in.stub(DataTransferServiceStub)
    stored = (await api.ListDataTransfers(pb.ListDataTransfersRequest())).data_transfers
    assert [item.request.message_id for item in stored] == ["reading", "reading"]


async def test_transfers_are_told(core_with_plug_in: RunningCore, station: FakeSession) -> None:
    await station.call(transfer("reading", 21.5))

    stored = await events(core_with_plug_in.core.unit_of_work)
    [event] = [event for event in stored if event.WhichOneof("body") == "data_transfer_received"]
    assert event.data_transfer_received.request == transfer("reading", 21.5)
    assert event.data_transfer_received.status == Status.DATA_TRANSFER_STATUS_ENUM_ACCEPTED
