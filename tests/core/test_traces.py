"""Traces: what counts as one, and that commands and log lines bear it."""

import logging
from typing import Any

import pytest

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import provisioning_pb2
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine_core.traces import current_trace, set_trace, trace_id_of
from citrine_process.logs import FieldFormatter
from tests.support.core import PASSWORD, RunningCore

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"

RESET = ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE)


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        pytest.param(TRACEPARENT, TRACE_ID, id="W3C's own example"),
        pytest.param("", "", id="none"),
        pytest.param(TRACEPARENT.upper(), "", id="upper case"),
        pytest.param(f"ff-{TRACE_ID}-00f067aa0ba902b7-01", "", id="no version"),
        pytest.param(f"00-{'0' * 32}-00f067aa0ba902b7-01", "", id="no trace"),
        pytest.param(f"00-{TRACE_ID}-{'0' * 16}-01", "", id="no parent"),
        pytest.param(f"{TRACEPARENT}\nnext line", "", id="more"),
    ],
)
async def test_what_is_none_is_ignored(traceparent: str, trace_id: str) -> None:
    set_trace(traceparent)

    assert trace_id_of(traceparent) == trace_id
    assert current_trace() == (traceparent if trace_id else "")


async def test_log_lines_bear_the_trace_of_their_task() -> None:
    record = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": "it happened", "station_id": "CS-1"})
    set_trace(TRACEPARENT)
    of_task = FieldFormatter(lambda: trace_id_of(current_trace())).format(record)
    record.trace_id = "its own"
    of_record = FieldFormatter(lambda: trace_id_of(current_trace())).format(record)

    assert of_task.endswith(f"it happened station_id='CS-1' trace_id='{TRACE_ID}'")
    assert of_record.endswith("it happened station_id='CS-1' trace_id='its own'")


async def test_a_command_bears_the_trace_of_its_caller(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    stub: Any = core.stub(ProvisioningServiceStub)
    request = provisioning_pb2.ResetRequest(target=common.CommandTarget(station_id="CS-1"), request=RESET)
    async with core.edge() as edge:
        edge.on_command = lambda _: ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(HeartbeatRequest())
        await stub.Reset(request, metadata=[("traceparent", TRACEPARENT)])
        await stub.Reset(request)

        assert [command.traceparent for command in edge.commands] == [TRACEPARENT, ""]


async def test_a_command_that_waited_for_its_station_bears_it_too(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    stub: Any = core.stub(ProvisioningServiceStub)
    target = common.CommandTarget(station_id="CS-1", when_online=True)
    request = provisioning_pb2.ResetRequest(target=target, request=RESET)
    await stub.Reset(request, metadata=[("traceparent", TRACEPARENT)])
    async with core.edge() as edge:
        await edge.connect("CS-1", PASSWORD)

        assert (await edge.next("command")).traceparent == TRACEPARENT
