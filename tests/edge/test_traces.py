"""Traces of the calls of stations, and of those who ask for commands."""

import logging

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import wrap_request
from citrine.ocpp.v2 import provisioning_pb2
from citrine_edge.traces import Traces, trace_id_of
from tests.edge.conftest import RunningEdge
from tests.support.fake_core import FakeCore
from tests.support.raw_station import RawStation

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

RESET = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)


def test_a_traceparent_has_the_form_of_the_standard() -> None:
    traceparent = Traces("0123456789abcdef").of(17)

    assert traceparent == "00-0123456789abcdef0000000000000011-0000000000000011-00"
    assert trace_id_of(traceparent) == "0123456789abcdef0000000000000011"
    assert trace_id_of("") == ""


async def test_each_call_of_a_station_is_a_trace_of_its_own(core: FakeCore, station: RawStation) -> None:
    for _ in range(2):
        await station.ask("Heartbeat", {})

    one, other = core.all("call")
    assert trace_id_of(one.traceparent) != trace_id_of(other.traceparent)
    assert trace_id_of(one.traceparent)[:16] == trace_id_of(other.traceparent)[:16] != 16 * "0"


async def test_the_log_has_commands_under_the_trace_of_who_asked(
    core: FakeCore, edge: RunningEdge, station: RawStation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "citrine_edge.commands")
    ref = (await core.next("opened")).session
    traceparent = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
    for command_id, trace in (("c1", traceparent), ("c2", ""), ("c3", traceparent)):
        core.send(command=pb.Command(id=command_id, session=ref, traceparent=trace, request=wrap_request(RESET)))
        await station.receive()
        if command_id == "c3":
            await station.send([4, command_id, "GenericError", "", {}])
            await core.next("command_failure")
        else:
            await station.send([3, command_id, {"status": "Accepted"}])
            await core.next("command_result")

    logged = [(record.message, record.command_id, record.trace_id) for record in caplog.records]  # type: ignore[attr-defined]
    assert logged == [
        ("command written", "c1", TRACE_ID),
        ("command answered", "c1", TRACE_ID),
        ("command written", "c3", TRACE_ID),
        ("command failed", "c3", TRACE_ID),
    ]
