"""ReportsService on a whole core: what is asked for, what arrives, how one waits for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import provisioning_pb2 as provisioning
from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2 import CallError, CommandFailure
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import (
    GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_NOT_SUPPORTED,
    Component,
    CustomData,
    Variable,
)
from citrine_core.resources.reports.protos import MAX_MISSING, missing_parts
from tests.support.blocks import stamp
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.waiting import WAIT

if TYPE_CHECKING:
    from citrine.api.v1.reports_pb2_grpc import ReportsServiceAsyncStub

DEVICE_MODEL = pb.REPORT_KIND_DEVICE_MODEL
TARGET = CommandTarget(station_id="CS-1")
ACCEPTED = ocpp.GetBaseReportResponse(status=GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED)


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        # With its answer it is stored that the websocket is open, so that commands find it.
        await session.call(HeartbeatRequest())
        yield session


@pytest.fixture
def api(core: RunningCore) -> "ReportsServiceAsyncStub":
    return core.stub(ReportsServiceStub)


def report(seq_no: int, *names: str, last: bool = False, request_id: int = 1) -> ocpp.NotifyReportRequest:
    report_data = [
        ocpp.ReportData(
            component=Component(name=name),
            variable=Variable(name="Power"),
            variable_attribute=[ocpp.VariableAttribute(value="11")],
        )
        for name in names
    ]
    return ocpp.NotifyReportRequest(
        request_id=request_id,
        seq_no=seq_no,
        generated_at=stamp(),
        report_data=report_data,
        tbc=not last,
        custom_data=CustomData(vendor_id="v"),
    )


async def ask(
    core: RunningCore, request_id: int = 0, target: CommandTarget = TARGET
) -> provisioning.GetBaseReportResponse:
    request = ocpp.GetBaseReportRequest(request_id=request_id, report_base=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY)
    return await core.stub(ProvisioningServiceStub).GetBaseReport(
        provisioning.GetBaseReportRequest(target=target, request=request)
    )


async def get(api: "ReportsServiceAsyncStub", request_id: int) -> pb.ReportRun:
    return await api.GetReportRun(pb.GetReportRunRequest(station_id="CS-1", kind=DEVICE_MODEL, request_id=request_id))


async def test_report_is_followed_from_its_request_to_its_end(
    core: RunningCore, station: FakeSession, api: "ReportsServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: ACCEPTED
    asked = await ask(core, 9)
    watch = api.WatchReportRun(pb.WatchReportRunRequest(station_id="CS-1", kind=DEVICE_MODEL, request_id=9))
    async with asyncio.timeout(WAIT):
        first = await watch.read()
        await station.call(report(0, "A", "B", request_id=9))
        second = await watch.read()
        await station.call(report(1, "C", last=True, request_id=9))
        rest = [run async for run in watch]

    assert isinstance(first, pb.ReportRun)
    assert isinstance(second, pb.ReportRun)
    assert (first.state, first.status, first.parts) == (pb.REPORT_STATE_REQUESTED, "Accepted", 0)
    assert first.command_id == asked.command.command_id
    assert (second.state, second.parts, second.items) == (pb.REPORT_STATE_RECEIVING, 1, 2)
    assert [(run.state, run.items, run.complete) for run in rest] == [(pb.REPORT_STATE_COMPLETE, 3, True)]
    assert rest[0].HasField("finish_time")
    assert await get(api, 9) == rest[0]


async def test_free_request_id_is_chosen(
    core: RunningCore, station: FakeSession, api: "ReportsServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: ACCEPTED

    ids = [int((await ask(core)).command.request.fields["requestId"].number_value) for _ in range(2)]

    assert len({*ids, 0}) == 3
    assert [(await get(api, each)).state for each in ids] == [pb.REPORT_STATE_REQUESTED] * 2


async def test_parts_that_come_before_the_answer_are_of_the_report(
    core: RunningCore, station: FakeSession, api: "ReportsServiceAsyncStub"
) -> None:
    """An older report of the same id is gone when a new one is asked for."""
    await station.call_all([report(0, "A"), report(1, "B", last=True)])
    asking = asyncio.create_task(ask(core, 1))
    command = await station.edge.next("command")
    await station.call(report(0, "C", last=True))
    station.edge.put(link.Upstream(command_result=station.edge.result(command, ACCEPTED)))
    await asking

    run = await get(api, 1)
    assert (run.state, run.parts, run.items, run.status) == (pb.REPORT_STATE_COMPLETE, 1, 1, "Accepted")
    assert run.request_time.ToNanoseconds() <= run.start_time.ToNanoseconds()


async def test_report_that_is_refused_says_so(
    core: RunningCore, station: FakeSession, api: "ReportsServiceAsyncStub"
) -> None:
    answer = ocpp.GetBaseReportResponse(status=GENERIC_DEVICE_MODEL_STATUS_ENUM_NOT_SUPPORTED)
    station.edge.on_command = lambda command: answer

    await ask(core, 5)

    run = await get(api, 5)
    assert (run.state, run.status) == (pb.REPORT_STATE_REFUSED, "NotSupported")
    assert run.HasField("finish_time")


async def test_report_whose_request_fails_says_why(
    core: RunningCore, station: FakeSession, api: "ReportsServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: CommandFailure(
        reason=CommandFailure.REASON_CALL_ERROR, error=CallError(code="InternalError", description="no memory")
    )

    with pytest.raises(grpc.aio.AioRpcError):
        await ask(core, 5)

    run = await get(api, 5)
    assert (run.state, run.problem) == (pb.REPORT_STATE_FAILED, "no memory")


async def test_report_of_a_station_that_is_off_fails_or_waits(
    core: RunningCore, api: "ReportsServiceAsyncStub"
) -> None:
    await core.add_station("CS-1", registration=1)

    with pytest.raises(grpc.aio.AioRpcError):
        await ask(core, 5)
    await ask(core, 6, CommandTarget(station_id="CS-1", when_online=True))

    assert [(await get(api, each)).state for each in (5, 6)] == [pb.REPORT_STATE_FAILED, pb.REPORT_STATE_REQUESTED]


async def test_request_that_can_not_be_right_leaves_no_report(
    core: RunningCore, api: "ReportsServiceAsyncStub"
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await ask(core, 5)
    await core.add_station("CS-1", registration=1)
    with pytest.raises(grpc.aio.AioRpcError) as invalid:
        await ask(core, 5, CommandTarget(station_id="CS-1", reason="x" * 256))

    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    assert invalid.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert len((await api.ListReportRuns(pb.ListReportRunsRequest())).report_runs) == 0


async def test_parts_are_read_as_they_were_sent(station: FakeSession, api: "ReportsServiceAsyncStub") -> None:
    parts = [report(seq_no, "A" * (seq_no + 1), last=seq_no == 2) for seq_no in range(3)]
    await station.call_all(parts[::-1])
    request = pb.ListReportPartsRequest(station_id="CS-1", kind=DEVICE_MODEL, request_id=1, page_size=2)

    first = await api.ListReportParts(request)
    request.page_token = first.next_page_token
    second = await api.ListReportParts(request)

    shown = [*first.parts, *second.parts]
    assert [part.device_model for part in shown] == parts
    assert [(part.seq_no, part.items, part.last) for part in shown] == [(0, 1, False), (1, 1, False), (2, 1, True)]
    assert second.next_page_token == ""


async def test_report_with_a_gap_says_what_is_missing(station: FakeSession, api: "ReportsServiceAsyncStub") -> None:
    await station.call_all([report(0, "A"), report(3, "B", last=True)])

    run = await get(api, 1)

    assert (run.state, run.parts, run.items, run.complete) == (pb.REPORT_STATE_GAP, 2, 2, False)
    assert list(run.missing_parts) == [1, 2]
    assert not run.HasField("finish_time")


async def test_reports_are_listed_the_latest_first_and_filtered(
    core: RunningCore, station: FakeSession, api: "ReportsServiceAsyncStub"
) -> None:
    for request_id in (5, 3, 4):
        await station.call(report(0, "A", last=request_id != 3, request_id=request_id))
    request = pb.ListReportRunsRequest(page_size=2)

    first = await api.ListReportRuns(request)
    request.page_token = first.next_page_token
    second = await api.ListReportRuns(request)
    receiving = await api.ListReportRuns(
        pb.ListReportRunsRequest(station_id="CS-1", kind=DEVICE_MODEL, state=pb.REPORT_STATE_RECEIVING)
    )
    logs = await api.ListReportRuns(pb.ListReportRunsRequest(kind=pb.REPORT_KIND_LOG))

    assert [run.request_id for run in (*first.report_runs, *second.report_runs)] == [4, 3, 5]
    assert [run.request_id for run in receiving.report_runs] == [3]
    assert len(logs.report_runs) == 0


async def test_another_tenant_sees_no_report(
    core: RunningCore, station: FakeSession, api: "ReportsServiceAsyncStub"
) -> None:
    await core.add_tenant("other")
    await station.call(report(0, "A", last=True))
    metadata = core.metadata("other")

    listed = await api.ListReportRuns(pb.ListReportRunsRequest(), metadata=metadata)
    for named in (pb.GetReportRunRequest, pb.ListReportPartsRequest):
        request: Message = named(station_id="CS-1", kind=DEVICE_MODEL, request_id=1)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await getattr(api, type(request).__name__.removesuffix("Request"))(request, metadata=metadata)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND

    assert len(listed.report_runs) == 0


@pytest.mark.parametrize(
    ("arrived", "missing"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([0, 1, 2], [], id="all"),
        pytest.param([1, 4], [0, 2, 3], id="gaps"),
        pytest.param([2**31 - 1], list(range(MAX_MISSING)), id="two-billion"),
        pytest.param([1, 5000, 9000], [0, *range(2, MAX_MISSING + 1)], id="many"),
    ],
)
def test_missing_parts(arrived: list[int], missing: list[int]) -> None:
    assert missing_parts(arrived) == missing
