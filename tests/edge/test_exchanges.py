"""A dialect that makes several messages of one: the order, the identity of each, and what a failure means."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import availability_pb2, data_transfer_pb2, diagnostics_pb2, local_auth_list_pb2, provisioning_pb2
from citrine_edge.link import MAX_ITEM_BYTES
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import (
    STATION_ACTIONS,
    TRANSACTION_NUMBER,
    FakeCore,
    Reply,
    default_reply,
    fake_core,
)
from tests.support.portions import Portions
from tests.support.raw_station import RawStation

VERSIONS = {"ocpp2.0.1": Portions()}

Reason = pb.CommandFailure

DONE = data_transfer_pb2.DataTransferResponse(status=data_transfer_pb2.DATA_TRANSFER_STATUS_ENUM_ACCEPTED)

REFUSED = data_transfer_pb2.DataTransferResponse(status=data_transfer_pb2.DATA_TRANSFER_STATUS_ENUM_REJECTED)

RESET = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)

GET_BASE_REPORT = provisioning_pb2.GetBaseReportRequest(request_id=1)

GET_LOG = diagnostics_pb2.GetLogRequest(log_type=diagnostics_pb2.LOG_ENUM_DIAGNOSTICS_LOG, request_id=1)
GET_LOG.log.remote_location = "https://logs.example.com"


@pytest.fixture
async def edge(core: FakeCore) -> AsyncIterator[RunningEdge]:
    """An edge that offers the version of these tests."""
    async with running_edge(core, versions=VERSIONS) as running:
        yield running


@pytest.fixture
async def ref(core: FakeCore, station: RawStation) -> pb.SessionRef:
    """The session of the connected station."""
    session: pb.SessionRef = (await core.next("opened")).session
    return session


def readings(*values: object) -> list[object]:
    return [2, "m1", "Readings", {"vendorId": "com.example", "values": list(values)}]


def said(call: pb.StationCall) -> float:
    return call.request.data_transfer.data.number_value


def variables(*values: str) -> provisioning_pb2.SetVariablesRequest:
    request = provisioning_pb2.SetVariablesRequest()
    for number, value in enumerate(values):
        data = request.set_variable_data.add(attribute_value=value)
        data.component.name, data.variable.name = "Example", f"v{number}"
    return request


def results(response: Any) -> list[tuple[str, str]]:
    names = provisioning_pb2.SetVariableStatusEnum.Name
    prefix = "SET_VARIABLE_STATUS_ENUM_"
    return [
        (each.variable.name, names(each.attribute_status).removeprefix(prefix))
        for each in response.set_variables.set_variable_result
    ]


# CALLs that are several requests.


async def test_requests_go_one_by_one_and_the_station_is_answered_after_the_last(
    core: FakeCore, station: RawStation
) -> None:
    core.reply = lambda call: None
    await station.send(readings(1, 2, 3))

    calls = []
    for value, answer in ((1, DONE), (2, REFUSED), (3, DONE)):
        call = await core.next("call")
        assert said(call) == value
        calls.append(call)
        # Nothing comes behind a request that is not answered: an answer would be the next to arrive.
        assert core.all("call") == calls
        core.answer(call, answer)

    assert await station.receive() == [3, "m1", {"accepted": 2, "of": [1, 2, 3]}]
    assert [call.id for call in calls] == sorted({call.id for call in calls})
    assert {(call.message_id, call.traceparent, call.receive_time.ToNanoseconds()) for call in calls} == {
        ("m1", calls[0].traceparent, calls[0].receive_time.ToNanoseconds())
    }


async def test_the_next_call_waits_for_all_requests_of_the_one_before(core: FakeCore, station: RawStation) -> None:
    await station.send(readings(1, 2))
    await station.send([2, "m2", "Heartbeat", {}])

    assert [(await station.receive())[1] for _ in range(2)] == ["m1", "m2"]
    assert [call.request.WhichOneof("message") for call in core.all("call")] == [
        *("data_transfer", "data_transfer", "heartbeat")
    ]


async def test_only_the_request_that_is_out_is_sent_again_and_under_its_own_id(
    core: FakeCore, station: RawStation
) -> None:
    core.reply = lambda call: DONE if said(call) == 1 else None
    await station.send(readings(1, 2, 3))
    first, second = await core.next("call"), await core.next("call")
    core.reply = lambda call: DONE
    core.link.end()

    again, third = await core.next("call"), await core.next("call")

    assert (again.id, again.resent, said(again)) == (second.id, True, 2)
    assert again.request == second.request
    assert (third.resent, said(third)) == (False, 3)
    assert len({first.id, second.id, third.id}) == 3
    assert (await station.receive())[2] == {"accepted": 3, "of": [1, 2, 3]}


async def test_a_supplement_goes_with_its_request_and_the_number_of_the_transaction_to_the_answer(
    core: FakeCore, station: RawStation
) -> None:
    await station.send([2, "m1", "Begin", {}])

    assert await station.receive() == [3, "m1", {"transactionId": TRANSACTION_NUMBER}]
    begun, transfer = core.all("call")
    assert begun.supplement == pb.Supplement(unnumbered=True, wants_transaction_number=True)
    assert not transfer.HasField("supplement")


async def test_what_a_core_refuses_ends_the_call_and_nothing_behind_it_is_sent(
    core: FakeCore, station: RawStation
) -> None:
    def reply(call: pb.StationCall) -> Reply:
        if call.request.WhichOneof("message") != "data_transfer":
            return default_reply(call)
        return DONE if said(call) == 1 else pb.CallError(code="SecurityError", description="not now")

    core.reply = reply
    await station.send(readings(1, 2, 3))

    assert await station.receive() == [4, "m1", "SecurityError", "not now", {}]
    assert (await station.ask("Heartbeat", {}))[0] == 3
    assert [said(call) for call in core.all("call")[:2]] == [1, 2]
    assert len(core.all("call")) == 3


async def test_an_answer_of_another_action_ends_the_call(core: FakeCore, station: RawStation) -> None:
    wrong = availability_pb2.HeartbeatResponse()
    core.reply = lambda call: DONE if said(call) == 1 else wrong
    await station.send(readings(1, 2, 3))

    assert (await station.receive())[:3] == [4, "m1", "InternalError"]
    assert len(core.all("call")) == 2


async def test_a_request_that_no_batch_can_carry_ends_the_call() -> None:
    async with fake_core() as core, running_edge(core, versions=VERSIONS, ocpp_max_frame=8 << 20) as edge:
        async with edge.station() as station:
            await station.send(readings("small", "x" * MAX_ITEM_BYTES, "small"))

            assert (await station.receive())[:3] == [4, "m1", "PropertyConstraintViolation"]
            assert (await station.ask("Heartbeat", {}))[0] == 3
        assert [call.request.WhichOneof("message") for call in core.all("call")] == ["data_transfer", "heartbeat"]


async def test_what_is_refused_at_once_has_no_effect() -> None:
    """Neither where the payload breaks the schema, nor where no core serves one of the requests."""
    async with (
        fake_core(FakeCore(actions=STATION_ACTIONS - {"DataTransfer"})) as core,
        running_edge(core, versions=VERSIONS) as edge,
        edge.station() as station,
    ):
        broken = await station.ask("Readings", {"vendorId": "com.example"})
        unserved = await station.ask("Readings", {"vendorId": "com.example", "values": [1, 2]})

    assert (broken[2], unserved[2]) == ("OccurrenceConstraintViolation", "NotSupported")
    assert core.all("call") == []


async def test_all_requests_are_brought_to_the_core_although_the_station_is_gone(
    core: FakeCore, edge: RunningEdge
) -> None:
    core.reply = lambda call: None
    async with edge.station() as station:
        await station.send(readings(1, 2))
        first = await core.next("call")
    await edge.until(lambda: not edge.edge.sessions.open_sessions())
    core.reply = lambda call: DONE
    core.answer(first, DONE)

    await core.next("closed")
    assert [said(call) for call in core.all("call")] == [1, 2]
    assert core.order()[-2:] == ["call", "closed"]


# Commands that are several CALLs.


async def test_a_command_is_written_call_by_call_and_its_answers_are_one_response(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", variables("a", "b", "c"))
    core.command(ref, "c2", RESET)

    message_ids = []
    for number, status in enumerate(("Accepted", "Rejected", "Accepted")):
        frame = await station.receive()
        assert frame[2:] == ["SetOne", {"variable": f"v{number}", "value": "abc"[number]}]
        message_ids.append(frame[1])
        # It is its only CALL that is out, and the station is heard meanwhile.
        assert (await station.ask("Heartbeat", {}))[0] == 3
        assert core.all("command_result") == []
        await station.send([3, frame[1], {"status": status}])

    result = await core.next("command_result")
    assert (await station.receive())[2] == "Reset"
    assert message_ids[0] == "c1"
    assert len(set(message_ids)) == 3
    assert results(result.response) == [("v0", "ACCEPTED"), ("v1", "REJECTED"), ("v2", "ACCEPTED")]
    assert [sent.id for sent in core.all("command_sent")] == ["c1", "c2"]
    assert result.send_time == core.all("command_sent")[0].send_time


async def test_a_callerror_may_be_an_answer(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.command(ref, "c1", variables("a", "b"))
    await station.send([4, (await station.receive())[1], "NotSupported", "", {}])
    await station.answer({"status": "Accepted"})

    result = await core.next("command_result")
    assert results(result.response) == [("v0", "UNKNOWN_VARIABLE"), ("v1", "ACCEPTED")]


async def test_a_call_may_depend_on_the_answer_before(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.command(ref, "c1", GET_LOG)
    await station.send([4, (await station.receive())[1], "NotImplemented", "", {}])

    action, payload = await station.answer({"filename": "log.txt"})

    assert (action, payload) == ("GetFile", {"location": "https://logs.example.com"})
    assert (await core.next("command_result")).response.get_log.filename == "log.txt"


async def test_a_callerror_in_the_middle_says_what_was_answered_before(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", variables("a", "b", "c"))
    core.command(ref, "c2", RESET)
    await station.answer({"status": "Accepted"})
    await station.send([4, (await station.receive())[1], "GenericError", "no", {}])

    failure = await core.next("command_failure")
    assert (failure.id, failure.reason, failure.error.code) == ("c1", Reason.REASON_CALL_ERROR, "GenericError")
    assert (failure.answered_calls, results(failure.answer)) == (1, [("v0", "ACCEPTED")])
    assert (await station.receive())[2] == "Reset"


async def test_an_answer_that_breaks_the_schema_in_the_middle(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", variables("a", "b", "c"))
    await station.answer({"status": "Accepted"})
    await station.answer({"status": "Perhaps"})

    failure = await core.next("command_failure")
    assert (failure.reason, failure.answer_json) == (Reason.REASON_BAD_ANSWER, '{"status":"Perhaps"}')
    assert (failure.answered_calls, results(failure.answer)) == (1, [("v0", "ACCEPTED")])


async def test_a_call_that_can_not_be_written_after_others_were_answered(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", variables("a", ""))
    await station.answer({"status": "Accepted"})

    failure = await core.next("command_failure")
    assert (failure.reason, failure.error.description) == (
        Reason.REASON_INVALID,
        "/value is shorter than 1 character",
    )
    assert failure.HasField("send_time")
    assert (failure.answered_calls, results(failure.answer)) == (1, [("v0", "ACCEPTED")])


async def test_the_time_of_a_command_is_for_all_its_calls(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", variables("a", "b", "c"), seconds=0.3)
    await station.answer({"status": "Accepted"})
    late = await station.receive()

    failure = await core.next("command_failure")
    await station.send([3, late[1], {"status": "Accepted"}])

    assert failure.reason == Reason.REASON_TIMEOUT
    assert (failure.answered_calls, results(failure.answer)) == (1, [("v0", "ACCEPTED")])
    # Nothing more is written of a command that is over, and a late answer is nobody's.
    core.command(ref, "c2", RESET)
    assert (await station.receive())[1:3] == ["c2", "Reset"]


async def test_a_connection_that_is_lost_in_the_middle(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.command(ref, "c1", variables("a", "b", "c"))
    await station.answer({"status": "Accepted"})
    await station.receive()
    await station.websocket.close()

    failure = await core.next("command_failure")
    assert (failure.reason, failure.answered_calls) == (Reason.REASON_LOST, 1)
    assert results(failure.answer) == [("v0", "ACCEPTED")]


async def test_a_command_that_fails_at_its_first_call_has_no_answer(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", variables("a", "b"))
    await station.send([4, (await station.receive())[1], "GenericError", "no", {}])

    failure = await core.next("command_failure")
    assert (failure.answered_calls, failure.HasField("answer")) == (0, False)


async def test_a_command_that_was_begun_is_not_cancelled(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", variables("a", "b"))
    await station.receive()
    core.send(cancel_command=pb.CancelCommand(id="c1"))
    await station.send([3, "c1", {"status": "Accepted"}])
    await station.answer({"status": "Accepted"})

    assert len(results((await core.next("command_result")).response)) == 2


async def test_what_an_answer_says_beside_the_response_goes_to_a_core_behind_it(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", GET_BASE_REPORT)
    assert await station.answer({"names": ["a", "b"]}) == ("GetAll", {})
    assert (await station.ask("Heartbeat", {}))[0] == 3

    result, first, second = await core.next("command_result"), await core.next("call"), await core.next("call")

    assert core.order()[-4:] == ["command_result", "call", "call", "call"]
    assert result.response.WhichOneof("message") == "get_base_report"
    reports = [call.request.notify_report for call in (first, second)]
    assert [(one.seq_no, one.report_data[0].variable.name) for one in reports] == [(0, "a"), (1, "b")]
    assert {one.generated_at.ToNanoseconds() for one in reports} == {result.receive_time.ToNanoseconds()}
    assert first.id < second.id
    assert first.message_id == second.message_id == "c1"


async def test_what_an_answer_says_is_behind_the_calls_that_wait(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.reply = lambda call: None
    await station.send([2, "m1", "Heartbeat", {}])
    heartbeat = await core.next("call")
    core.command(ref, "c1", GET_BASE_REPORT)
    await station.answer({"names": ["a"]})
    await core.next("command_result")
    assert core.all("call") == [heartbeat]

    core.answer(heartbeat, default_reply(heartbeat))

    assert (await core.next("call")).request.WhichOneof("message") == "notify_report"
    assert (await station.receive())[:2] == [3, "m1"]


async def test_what_a_core_refuses_of_it_is_no_matter_of_the_station(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.reply = lambda call: (
        pb.CallError(code="NotSupported", description="no reports")
        if call.request.WhichOneof("message") == "notify_report"
        else default_reply(call)
    )
    core.command(ref, "c1", GET_BASE_REPORT)
    await station.answer({"names": ["a", "b"]})
    await core.next("call")

    assert (await station.ask("Heartbeat", {}))[0] == 3
    assert [call.request.WhichOneof("message") for call in core.all("call")] == ["notify_report", "heartbeat"]


async def test_what_an_answer_says_is_sent_although_the_station_is_gone(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.reply = lambda call: None
    core.command(ref, "c1", GET_BASE_REPORT)
    await station.answer({"names": ["a", "b"]})
    first = await core.next("call")
    await station.websocket.close()

    core.answer(first, provisioning_pb2.NotifyReportResponse())
    second = await core.next("call")
    core.answer(second, provisioning_pb2.NotifyReportResponse())

    await core.next("closed")
    assert core.order()[-2:] == ["call", "closed"]


async def test_a_station_may_refuse_a_command_in_words_of_its_own(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", GET_BASE_REPORT)
    await station.answer({"refused": "not here"})

    failure = await core.next("command_failure")
    assert (failure.reason, failure.error.description) == (Reason.REASON_CALL_ERROR, "not here")


async def test_a_command_that_asks_the_station_nothing_is_answered_at_once(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", RESET)
    assert (await station.receive())[2] == "Reset"
    core.command(ref, "c2", local_auth_list_pb2.GetLocalListVersionRequest())

    result = await core.next("command_result")

    assert (result.id, result.response.get_local_list_version.version_number) == ("c2", 7)
    assert not result.HasField("send_time")


async def test_a_command_under_way_is_named_to_a_core_that_is_linked_anew(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    """Between its CALLs as well; so no core takes it for one that never arrived."""
    core.command(ref, "c1", variables("a", "b"))
    await station.answer({"status": "Accepted"})
    last = await station.receive()
    core.link.end()
    await core.linked(2)

    assert "c1" in core.link.hello.command_ids
    await station.send([3, last[1], {"status": "Accepted"}])
    assert (await core.next("command_result")).id == "c1"
