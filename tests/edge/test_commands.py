"""Commands to a station: order, time, answers, failures."""

import json
from typing import Any

import pytest
from google.protobuf.message import Message

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import availability_pb2, provisioning_pb2, remote_control_pb2, transactions_pb2
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore
from tests.support.raw_station import RawStation

Reason = pb.CommandFailure

RESET = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)
CLEAR = transactions_pb2.GetTransactionStatusRequest(transaction_id="T1")


@pytest.fixture
async def ref(core: FakeCore, station: RawStation) -> pb.SessionRef:
    """The session of the connected station."""
    session: pb.SessionRef = (await core.next("opened")).session
    return session


def native(command_id: str, ref: pb.SessionRef, action: str, payload: str) -> pb.Command:
    return pb.Command(id=command_id, session=ref, native=pb.NativeMessage(action=action, payload_json=payload))


async def test_command_is_written_and_its_answer_reported(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", RESET)

    assert await station.receive() == [2, "c1", "Reset", {"type": "Immediate"}]
    sent = await core.next("command_sent")
    await station.send([3, "c1", {"status": "Scheduled"}])
    result = await core.next("command_result")

    assert (sent.id, sent.session) == ("c1", ref)
    assert (result.id, result.session, result.send_time) == ("c1", ref, sent.send_time)
    assert result.response.reset.status == provisioning_pb2.RESET_STATUS_ENUM_SCHEDULED
    assert result.receive_time.ToNanoseconds() >= result.send_time.ToNanoseconds()


async def test_one_command_at_a_time_in_order(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    """Part 4, 4.1.1."""
    for number in range(3):
        core.command(ref, f"c{number}", RESET)

    for number in range(3):
        assert (await station.receive())[1] == f"c{number}"
        assert (await station.ask("Heartbeat", {}))[0] == 3
        assert len(core.all("command_sent")) == number + 1
        await station.send([3, f"c{number}", {"status": "Accepted"}])

    assert [(await core.next("command_result")).id for _ in range(3)] == ["c0", "c1", "c2"]


async def test_directions_are_independent(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    """A station's call is answered while ours is out, and ours goes out while its call waits."""
    core.reply = lambda call: None
    await station.send([2, "m1", "Heartbeat", {}])
    await core.next("call")

    core.command(ref, "c1", RESET)

    assert (await station.receive())[:2] == [2, "c1"]


async def test_message_id_is_the_commands_own_unless_too_long(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c" * 37, RESET)

    frame = await station.receive()
    await station.send([3, frame[1], {"status": "Accepted"}])

    assert len(frame[1]) == 36
    assert (await core.next("command_result")).id == "c" * 37


async def test_command_that_comes_twice_is_written_once(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", RESET)
    core.command(ref, "c1", RESET)
    core.command(ref, "c2", RESET)
    core.command(ref, "c2", RESET)
    core.command(pb.SessionRef(), "gone", RESET)
    # Items are taken in their order, so the others were.
    await core.next("command_failure")
    await station.answer({"status": "Accepted"})
    await station.answer({"status": "Accepted"})

    assert [(await core.next("command_result")).id for _ in range(2)] == ["c1", "c2"]
    assert len(core.all("command_sent")) == 2


async def test_callerror_is_a_failure_with_what_the_station_said(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", RESET)
    await station.receive()
    await station.send([4, "c1", "NotSupported", "d" * 900, {"model": "One", "list": [1, None]}])

    failure = await core.next("command_failure")

    assert failure.reason == Reason.REASON_CALL_ERROR
    assert failure.HasField("send_time")
    assert (failure.error.code, len(failure.error.description)) == ("NotSupported", 255)
    assert failure.error.details["model"] == "One"


@pytest.mark.parametrize(
    ("frame", "code", "description"),
    [
        ([4, "c1"], "GenericError", ""),
        ([4, "c1", None, None, None], "GenericError", ""),
        ([4, "c1", "Odd", 5, "x"], "Odd", ""),
    ],
)
async def test_careless_callerror_is_understood(
    core: FakeCore, station: RawStation, ref: pb.SessionRef, frame: list[Any], code: str, description: str
) -> None:
    core.command(ref, "c1", RESET)
    await station.receive()
    await station.send(frame)

    error = (await core.next("command_failure")).error

    assert (error.code, error.description) == (code, description)


@pytest.mark.parametrize(
    ("frame", "code", "description"),
    [
        ([3, "c1", {}], "OccurrenceConstraintViolation", "/status is required"),
        ([3, "c1", {"status": "Maybe"}], "PropertyConstraintViolation", "/status is not one of the allowed values"),
        ([3, "c1", []], "ProtocolError", "the payload is not a JSON object"),
        ([3, "c1"], "RpcFrameworkError", "a CALLRESULT has three elements: message type, message id, payload"),
    ],
)
async def test_answer_that_breaks_the_schema_is_reported_and_frees_the_way(
    core: FakeCore, station: RawStation, ref: pb.SessionRef, frame: list[Any], code: str, description: str
) -> None:
    core.command(ref, "c1", RESET)
    core.command(ref, "c2", RESET)
    await station.receive()
    await station.send(frame)

    failure = await core.next("command_failure")

    assert (failure.id, failure.reason) == ("c1", Reason.REASON_BAD_ANSWER)
    assert (failure.error.code, failure.error.description) == (code, description)
    # OCPP 2.0.1 has no CALLRESULTERROR: the next frame is the next command.
    assert (await station.receive())[:2] == [2, "c2"]


async def test_bad_answer_is_told_to_a_station_of_2_1(core: FakeCore, station21: RawStation) -> None:
    ref = (await core.next("opened")).session
    core.command(ref, "c1", RESET)
    await station21.receive()
    await station21.send([3, "c1", {}])

    assert await station21.receive() == [5, "c1", "OccurrenceConstraintViolation", "/status is required", {}]
    assert (await core.next("command_failure")).reason == Reason.REASON_BAD_ANSWER


async def test_what_the_station_said_is_told_with_what_is_valid_of_it(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", RESET)
    await station.answer({"status": "Accepted", "more": 1})
    extra = await core.next("command_failure")
    core.command(ref, "c2", RESET)
    await station.answer({"status": "Perhaps"})
    odd = await core.next("command_failure")

    assert (extra.reason, extra.error.description) == (Reason.REASON_BAD_ANSWER, "/more is not in the schema")
    assert json.loads(extra.answer_json) == {"status": "Accepted", "more": 1}
    assert unwrap(extra.answer).status == provisioning_pb2.RESET_STATUS_ENUM_ACCEPTED  # type: ignore[attr-defined]
    assert json.loads(odd.answer_json) == {"status": "Perhaps"}
    assert not odd.HasField("answer")


async def test_no_answer_in_time(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.command(ref, "c1", RESET, seconds=0.2)
    core.command(ref, "c2", RESET, seconds=0.2)
    core.command(ref, "c3", RESET, seconds=5)

    failures = [await core.next("command_failure") for _ in range(2)]
    await station.receive()
    third = await station.receive()
    await station.send([3, "c1", {"status": "Accepted"}])
    await station.send([3, "c3", {"status": "Accepted"}])

    assert [(each.id, each.reason) for each in failures] in (
        [("c1", Reason.REASON_TIMEOUT), ("c2", Reason.REASON_EXPIRED)],
        [("c2", Reason.REASON_EXPIRED), ("c1", Reason.REASON_TIMEOUT)],
        [("c1", Reason.REASON_TIMEOUT), ("c2", Reason.REASON_TIMEOUT)],
    )
    assert third[1] in ("c2", "c3")
    assert (await core.next("command_result")).id == "c3"


async def test_time_is_the_edges_own_where_the_command_has_none(core: FakeCore) -> None:
    from datetime import timedelta

    async with running_edge(core, ocpp_call_timeout=timedelta(seconds=0.1)) as edge, edge.station():
        ref = (await core.next("opened")).session
        core.command(ref, "c1", RESET, seconds=0)

        assert (await core.next("command_failure")).reason == Reason.REASON_TIMEOUT


@pytest.mark.parametrize("is_named", [True, False], ids=["session named", "older core"])
async def test_waiting_command_can_be_cancelled_a_written_one_not(
    core: FakeCore, station: RawStation, ref: pb.SessionRef, is_named: bool
) -> None:
    core.command(ref, "c1", RESET)
    core.command(ref, "c2", RESET)
    core.command(ref, "c3", RESET)
    for command_id in ("c1", "c2", "unknown"):
        core.send(cancel_command=pb.CancelCommand(id=command_id, session=ref if is_named else None))

    failure = await core.next("command_failure")
    await station.answer({"status": "Accepted"})
    await station.answer({"status": "Accepted"})

    assert (failure.id, failure.reason) == ("c2", Reason.REASON_CANCELLED)
    assert not failure.HasField("send_time")
    assert [(await core.next("command_result")).id for _ in range(2)] == ["c1", "c3"]


async def test_command_is_cancelled_in_the_session_that_is_named_and_no_other_is_looked_at(
    core: FakeCore, station: RawStation, ref: pb.SessionRef
) -> None:
    core.command(ref, "c1", RESET)
    core.command(ref, "c2", RESET)
    other = pb.SessionRef(tenant_id=ref.tenant_id, station_id="CS-9", epoch=1)
    core.send(cancel_command=pb.CancelCommand(id="c2", session=other))

    await station.answer({"status": "Accepted"})
    await station.answer({"status": "Accepted"})

    assert [(await core.next("command_result")).id for _ in range(2)] == ["c1", "c2"]


async def test_close_fails_what_is_under_way(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station() as station:
        ref = (await core.next("opened")).session
        core.command(ref, "c1", RESET)
        core.command(ref, "c2", RESET)
        await station.receive()
    failures = [await core.next("command_failure") for _ in range(2)]

    assert [(each.id, each.reason) for each in failures] == [
        ("c1", Reason.REASON_LOST),
        ("c2", Reason.REASON_GONE),
    ]
    assert core.order().index("command_failure") < core.order().index("closed")


@pytest.mark.parametrize(
    "other",
    [
        {"epoch": 99},
        {"station_id": "CS2"},
        {"tenant_id": "other"},
    ],
)
async def test_command_to_another_session_is_gone(
    core: FakeCore, station: RawStation, ref: pb.SessionRef, other: dict[str, Any]
) -> None:
    target = pb.SessionRef()
    target.CopyFrom(ref)
    for name, value in other.items():
        setattr(target, name, value)
    core.command(target, "c1", RESET)

    assert (await core.next("command_failure")).reason == Reason.REASON_GONE


async def test_too_many_waiting_commands_expire_at_once(core: FakeCore) -> None:
    async with running_edge(core, ocpp_max_command_queue=1) as edge, edge.station():
        ref = (await core.next("opened")).session
        for number in range(3):
            core.command(ref, f"c{number}", RESET)

        failure = await core.next("command_failure")

    assert (failure.id, failure.reason) == ("c2", Reason.REASON_EXPIRED)
    # By this cores tell it from one that waited in vain.
    assert failure.error.description == "too many commands wait for this station"


@pytest.mark.parametrize(
    ("request_", "reason", "description"),
    [
        pytest.param(
            remote_control_pb2.RequestStartTransactionRequest(remote_start_id=1),
            Reason.REASON_INVALID,
            "/idToken is required",
            id="required",
        ),
        pytest.param(
            provisioning_pb2.ResetRequest(),
            Reason.REASON_INVALID,
            "/type is missing: expected Immediate, OnIdle or ImmediateAndResume",
            id="unspecified",
        ),
        pytest.param(
            transactions_pb2.GetTransactionStatusRequest(transaction_id="x" * 37),
            Reason.REASON_INVALID,
            "/transactionId is longer than 36 characters",
            id="too long",
        ),
        pytest.param(
            provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE_AND_RESUME),
            Reason.REASON_INVALID,
            "/type is not one of the allowed values",
            id="value of 2.1",
        ),
        pytest.param(
            availability_pb2.HeartbeatRequest(),
            Reason.REASON_UNSUPPORTED,
            "Heartbeat is not sent to stations in this version of OCPP (ocpp2.0.1)",
            id="action of stations",
        ),
    ],
)
async def test_command_that_the_station_could_not_take_is_not_written(
    core: FakeCore, station: RawStation, ref: pb.SessionRef, request_: Message, reason: int, description: str
) -> None:
    core.command(ref, "c1", request_)

    failure = await core.next("command_failure")

    assert (failure.reason, failure.error.description) == (reason, description)
    assert not failure.HasField("send_time")


async def test_action_of_2_1_is_unsupported_by_2_0_1(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    from citrine.ocpp.v2 import tariff_and_cost_pb2

    core.command(ref, "c1", tariff_and_cost_pb2.GetTariffsRequest(evse_id=1))

    assert (await core.next("command_failure")).reason == Reason.REASON_UNSUPPORTED


async def test_empty_command_is_unsupported(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.send(command=pb.Command(id="c1", session=ref))

    assert (await core.next("command_failure")).reason == Reason.REASON_UNSUPPORTED


async def test_native_command_passes_as_it_is(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.send(command=native("c1", ref, "Reset", '{"type": "OnIdle", "evseId": 1}'))

    assert await station.receive() == [2, "c1", "Reset", {"type": "OnIdle", "evseId": 1}]
    await station.send([3, "c1", {"status": "Accepted", "statusInfo": {"reasonCode": "x"}}])
    result = await core.next("command_result")
    assert result.native.action == "Reset"
    assert json.loads(result.native.payload_json) == {"status": "Accepted", "statusInfo": {"reasonCode": "x"}}


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [
        ("Reset", "{", Reason.REASON_INVALID),
        ("Reset", "[]", Reason.REASON_INVALID),
        ("Reset", '{"type":"Now"}', Reason.REASON_INVALID),
        (
            "UpdateFirmware",
            '{"requestId":1,"firmware":{"location":"x","retrieveDateTime":"now"}}',
            Reason.REASON_INVALID,
        ),
        ("Heartbeat", "{}", Reason.REASON_UNSUPPORTED),
        ("ClearTariffs", "{}", Reason.REASON_UNSUPPORTED),
        ("Nothing", "{}", Reason.REASON_UNSUPPORTED),
    ],
)
async def test_native_command_is_checked(
    core: FakeCore, station: RawStation, ref: pb.SessionRef, action: str, payload: str, reason: int
) -> None:
    core.send(command=native("c1", ref, action, payload))

    assert (await core.next("command_failure")).reason == reason


async def test_native_answer_is_checked(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.send(command=native("c1", ref, "Reset", '{"type": "OnIdle"}'))
    await station.answer({})

    assert (await core.next("command_failure")).reason == Reason.REASON_BAD_ANSWER


async def test_late_answer_is_dropped(core: FakeCore, station: RawStation, ref: pb.SessionRef) -> None:
    core.command(ref, "c1", RESET, seconds=0.05)
    await station.receive()
    await core.next("command_failure")
    await station.send([3, "c1", {"status": "Accepted"}])

    assert (await station.ask("Heartbeat", {}))[0] == 3
    assert core.all("command_result") == []


async def test_round_trip_waits_for_nothing(core: FakeCore) -> None:
    """A command goes out and comes back without any timer in between, as batches that wait for company have one."""
    async with running_edge(core) as edge, edge.station() as station:
        (up,) = edge.edge.router.links
        up._gather_time = 3600.0
        ref = (await core.next("opened")).session
        for number in range(50):
            core.command(ref, f"c{number}", CLEAR)
            await station.answer({"messagesInQueue": False})
            await core.next("command_result")
