"""One connected station, over a real websocket and against a core that the test plays."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import (
    authorization_pb2,
    availability_pb2,
    provisioning_pb2,
    remote_control_pb2,
    types_pb2,
)
from citrine_edge.link import MAX_ITEM_BYTES
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import NOW, PENDING, REJECTED, STATION_ACTIONS, FakeCore, default_reply, fake_core
from tests.support.raw_station import RawStation

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "One", "vendorName": "Example"}}

STATUS = {"timestamp": "2025-01-31T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}

HEARTBEAT = [3, "last", {"currentTime": "2025-01-31T12:00:00Z"}]


def error(message_id: str, code: str, description: str) -> list[Any]:
    return [4, message_id, code, description, {}]


MALFORMED: list[tuple[str, str | bytes, list[Any]]] = [
    ("no JSON", "hello", error("-1", "RpcFrameworkError", "the frame is not valid JSON in UTF-8")),
    ("empty", "", error("-1", "RpcFrameworkError", "the frame is not valid JSON in UTF-8")),
    ("cut off", '[2,"a","Heartbeat",{', error("-1", "RpcFrameworkError", "the frame is not valid JSON in UTF-8")),
    ("NaN", '[2,"a","Heartbeat",{"a":NaN}]', error("-1", "RpcFrameworkError", "the frame is not valid JSON in UTF-8")),
    (
        "half a surrogate pair",
        '[2,"a","Authorize",{"idToken":{"idToken":"\\ud800","type":"Central"}}]',
        error("-1", "RpcFrameworkError", "the frame is not valid JSON in UTF-8"),
    ),
    ("binary", b"\x00\x01", error("-1", "RpcFrameworkError", "the frame is binary, not text")),
    ("object", "{}", error("-1", "RpcFrameworkError", "the frame is not a JSON array with a message type")),
    ("empty array", "[]", error("-1", "RpcFrameworkError", "the frame is not a JSON array with a message type")),
    ("no message id", "[2]", error("-1", "RpcFrameworkError", "the message id can't be read")),
    ("number as id", '[2,42,"Heartbeat",{}]', error("-1", "RpcFrameworkError", "the message id can't be read")),
    (
        "long id",
        f'[2,"{"x" * 37}","Heartbeat",{{}}]',
        error("-1", "RpcFrameworkError", "the message id is longer than 36 characters"),
    ),
    (
        "type as text",
        '["2","e1","Heartbeat",{}]',
        error("e1", "RpcFrameworkError", "the message type is not a number"),
    ),
    (
        "unknown type",
        '[7,"e2","Heartbeat",{}]',
        error("e2", "MessageTypeNotSupported", "the message type number is not supported"),
    ),
    (
        "type of OCPP 2.1",
        '[6,"e3","NotifyPeriodicEventStream",{}]',
        error("e3", "MessageTypeNotSupported", "the message type number is not supported"),
    ),
    (
        "no payload",
        '[2,"e4","Heartbeat"]',
        error("e4", "RpcFrameworkError", "a CALL has four elements: message type, message id, action, payload"),
    ),
    (
        "unknown action",
        '[2,"e5","Heartbeet",{}]',
        error("e5", "NotImplemented", "Heartbeet is not an action of ocpp2.0.1"),
    ),
    (
        "action of the CSMS",
        '[2,"e6","Reset",{"type":"Immediate"}]',
        error("e6", "NotSupported", "Reset is not supported from a station in this message type"),
    ),
    ("array as payload", '[2,"e7","Heartbeat",[]]', error("e7", "ProtocolError", "the payload is not a JSON object")),
    (
        "missing property",
        '[2,"e8","Authorize",{}]',
        error("e8", "OccurrenceConstraintViolation", "/idToken is required"),
    ),
    (
        "wrong type",
        json.dumps([2, "e9", "StatusNotification", {**STATUS, "evseId": "1"}]),
        error("e9", "TypeConstraintViolation", "/evseId is not of type integer"),
    ),
    (
        "unknown value",
        json.dumps([2, "e10", "StatusNotification", {**STATUS, "connectorStatus": "Free"}]),
        error("e10", "PropertyConstraintViolation", "/connectorStatus is not one of the allowed values"),
    ),
    (
        "too long",
        json.dumps([2, "e11", "Authorize", {"idToken": {"idToken": "x" * 37, "type": "Central"}}]),
        error("e11", "PropertyConstraintViolation", "/idToken/idToken is longer than 36 characters"),
    ),
    (
        "unknown property",
        '[2,"e12","Heartbeat",{"now":true}]',
        error("e12", "FormatViolation", "/now is not in the schema"),
    ),
    (
        "no date",
        json.dumps([2, "e13", "StatusNotification", {**STATUS, "timestamp": "yesterday"}]),
        error("e13", "PropertyConstraintViolation", "/timestamp is not an RFC 3339 date-time"),
    ),
    (
        "nested without end",
        '[2,"e14","Heartbeat",' + "[" * 900 + "]" * 900 + "]",
        error("e14", "FormatViolation", "the frame is nested deeper than 40 levels"),
    ),
]


async def test_socket_survives_malformed_frames_each_answered_exactly(station: RawStation) -> None:
    """Part 4, 4.2.3 and 4.3; more than twenty of them on one socket, and then it works."""
    for name, frame, answer in MALFORMED:
        await station.send(frame)

        assert await station.receive() == answer, name

    await station.send([2, "last", "Heartbeat", {}])
    assert await station.receive() == HEARTBEAT


async def test_malformed_answers_are_dropped(edge: RunningEdge, station: RawStation) -> None:
    """Nothing that answers is answered itself."""
    for frame in ("[3]", '[3,"a"]', '[3,"a",{}]', '[4,"a"]', "[4]", "[3,1,{}]", '[4,"a","X","Y",{},{}]'):
        await station.send(frame)

    await station.send([2, "last", "Heartbeat", {}])
    assert await station.receive() == HEARTBEAT


async def test_invalid_utf8_in_a_text_frame_is_unreadable(station: RawStation) -> None:
    await station.websocket.send(b'[2,"\xff","Heartbeat",{}]', text=True)

    assert (await station.receive())[:3] == [4, "-1", "RpcFrameworkError"]


async def test_call_is_answered_with_what_the_core_says(core: FakeCore, station: RawStation) -> None:
    await station.send('[2,"m1","Heartbeat",{}]')

    assert await station.websocket.recv() == '[3,"m1",{"currentTime":"2025-01-31T12:00:00Z"}]'
    call = await core.next("call")
    assert (call.message_id, call.session.station_id, call.session.epoch) == ("m1", "CS1", 1)
    assert call.request.WhichOneof("message") == "heartbeat"
    assert call.HasField("receive_time")


async def test_calls_reach_the_core_one_at_a_time_in_order(core: FakeCore, station: RawStation) -> None:
    """Stations that do not wait for answers are served in order (part 4, 4.1.1 forbids it, stations do it)."""
    core.reply = lambda call: None
    for number in range(5):
        await station.send([2, f"m{number}", "Heartbeat", {}])

    for number in range(5):
        call = await core.next("call")
        assert call.message_id == f"m{number}"
        assert len(core.all("call")) == number + 1
        core.answer(call, availability_pb2.HeartbeatResponse(current_time=NOW))
        assert (await station.receive())[1] == f"m{number}"


async def test_repeated_call_in_flight_is_forwarded_once(core: FakeCore, station: RawStation) -> None:
    core.reply = lambda call: None
    await station.send([2, "m1", "Heartbeat", {}])
    await station.send([2, "m1", "Heartbeat", {}])
    await station.send([2, "m2", "Heartbeat", {}])
    await station.send([2, "m2", "Heartbeat", {}])
    await station.send([2, "m1", "StatusNotification", STATUS])

    for message_id in ("m1", "m2", "m1"):
        call = await core.next("call")
        assert call.message_id == message_id
        core.answer(call, default_reply(call))

    answers = [await station.receive() for _ in range(3)]
    assert [answer[1] for answer in answers] == ["m1", "m2", "m1"]
    assert len(core.all("call")) == 3


async def test_station_that_floods_is_held_back_and_loses_nothing(core: FakeCore) -> None:
    """More calls than the queue holds wait in the station's own TCP buffers."""
    async with running_edge(core, ocpp_max_inbound_queue=3) as edge, edge.station() as station:
        for number in range(200):
            await station.send([2, f"m{number}", "Heartbeat", {"customData": {"vendorId": "v", "fill": "x" * 2000}}])

        answers = [(await station.receive())[1] for _ in range(200)]

    assert answers == [f"m{number}" for number in range(200)]


async def test_station_that_is_too_fast_is_slowed_down(core: FakeCore) -> None:
    async with running_edge(core, ocpp_frame_rate=100) as edge, edge.station(compression=None) as station:
        start = asyncio.get_running_loop().time()
        for number in range(240):
            await station.send([2, f"m{number}", "Heartbeat", {"customData": {"vendorId": "v", "fill": "x" * 2000}}])
        answers = [(await station.receive())[1] for _ in range(240)]

        # 200 may come at once, the rest at its rate.
        assert asyncio.get_running_loop().time() - start > 0.25
        assert answers == [f"m{number}" for number in range(240)]


async def test_answer_error_becomes_callerror(core: FakeCore, station: RawStation) -> None:
    refusal = pb.CallError(code="SecurityError", description="no")
    refusal.details.update({"why": "because", "count": 2})
    core.reply = lambda call: refusal

    assert await station.ask("Heartbeat", {}, "m1") == [4, "m1", "SecurityError", "no", {"why": "because", "count": 2}]


async def test_answer_that_breaks_the_schema_is_our_internal_error(core: FakeCore, station: RawStation) -> None:
    core.reply = lambda call: provisioning_pb2.BootNotificationResponse(current_time=NOW, interval=300)

    answer = await station.ask("BootNotification", BOOT, "m1")

    assert answer == [4, "m1", "InternalError", "the answer could not be written", {}]


async def test_answer_of_another_action_is_our_internal_error(core: FakeCore, station: RawStation) -> None:
    core.reply = lambda call: availability_pb2.StatusNotificationResponse()

    assert (await station.ask("Heartbeat", {}, "m1"))[2] == "InternalError"


async def test_answer_leaves_out_what_the_version_lacks(core: FakeCore, station: RawStation) -> None:
    """A tariff is OCPP 2.1; to a station of 2.0.1 the rest of the answer matters."""
    info = types_pb2.IdTokenInfo(status=types_pb2.AUTHORIZATION_STATUS_ENUM_ACCEPTED)
    core.reply = lambda call: authorization_pb2.AuthorizeResponse(
        id_token_info=info, tariff=types_pb2.Tariff(tariff_id="T1", currency="EUR")
    )

    answer = await station.ask("Authorize", {"idToken": {"idToken": "A", "type": "Central"}})

    assert answer[2] == {"idTokenInfo": {"status": "Accepted"}}


async def test_unserved_action_is_not_supported() -> None:
    async with (
        fake_core(FakeCore(actions=STATION_ACTIONS - {"NotifyEvent"})) as core,
        running_edge(core) as edge,
        edge.station() as station,
    ):
        event = {
            "eventId": 1,
            "timestamp": "2025-01-31T12:00:00Z",
            "trigger": "Alerting",
            "actualValue": "x",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "EVSE"},
            "variable": {"name": "Problem"},
        }
        payload = {"generatedAt": "2025-01-31T12:00:00Z", "seqNo": 0, "eventData": [event]}

        answer = await station.ask("NotifyEvent", payload, "m1")

        assert answer == [4, "m1", "NotSupported", "NotifyEvent is not supported", {}]


async def test_nul_never_reaches_the_core(core: FakeCore, station: RawStation) -> None:
    await station.ask("Authorize", {"idToken": {"idToken": "A\0B", "type": "Central"}})

    assert (await core.next("call")).request.authorize.id_token.id_token == "A\N{REPLACEMENT CHARACTER}B"


async def test_null_and_empty_optional_properties_count_as_absent(core: FakeCore, station: RawStation) -> None:
    payload = {**BOOT, "chargingStation": {"model": "One", "vendorName": "Example", "modem": None}}

    assert (await station.ask("BootNotification", payload))[0] == 3
    assert not (await core.next("call")).request.boot_notification.charging_station.HasField("modem")


async def test_whole_decimals_are_integers(core: FakeCore, station: RawStation) -> None:
    assert (await station.ask("StatusNotification", {**STATUS, "evseId": 2.0}))[0] == 3
    assert (await core.next("call")).request.status_notification.evse_id == 2


async def test_payload_that_no_batch_can_carry_is_refused(core: FakeCore) -> None:
    """Numbers in vendor data are larger on the link than in JSON."""
    async with running_edge(core, ocpp_max_frame=2 << 20) as edge, edge.station(max_size=None) as station:
        data = [1] * (MAX_ITEM_BYTES // 10)

        answer = await station.ask("DataTransfer", {"vendorId": "v", "data": data}, "m1")

        problem = "the payload is larger than the CSMS takes"
        assert answer == [4, "m1", "PropertyConstraintViolation", problem, {}]
        assert (await station.ask("Heartbeat", {}))[0] == 3


class TestRegistration:
    """B01.FR.10, B02.FR.02, B02.FR.09, B03.FR.07."""

    @pytest.mark.parametrize("registration", [None, PENDING, REJECTED])
    async def test_B02_FR_09_only_boot_before_accepted(self, registration: int | None) -> None:
        async with (
            fake_core(FakeCore(registration=registration)) as core,
            running_edge(core) as edge,
            edge.station() as station,
        ):
            refused = await station.ask("StatusNotification", STATUS, "m1")
            booted = await station.ask("BootNotification", BOOT)
            served = await station.ask("StatusNotification", STATUS)

        assert refused[:3] == [4, "m1", "SecurityError"]
        assert booted[2]["status"] == "Accepted"
        assert served[0] == 3

    async def test_status_before_the_answer_to_boot_is_served(self) -> None:
        """Stations do not wait; what counts is the registration when the message's turn comes."""
        async with (
            fake_core(FakeCore(registration=None)) as core,
            running_edge(core) as edge,
            edge.station() as station,
        ):
            await station.send([2, "m1", "BootNotification", BOOT])
            await station.send([2, "m2", "StatusNotification", STATUS])

            assert (await station.receive())[:2] == [3, "m1"]
            assert (await station.receive())[:2] == [3, "m2"]

    async def test_boot_can_take_the_acceptance_away(self, core: FakeCore, station: RawStation) -> None:
        pending = provisioning_pb2.BootNotificationResponse(current_time=NOW, interval=60, status=PENDING)
        core.reply = lambda call: pending
        await station.ask("BootNotification", BOOT)

        assert (await station.ask("Heartbeat", {}))[2] == "SecurityError"

    async def test_core_can_change_it_at_any_time(self, core: FakeCore, station: RawStation) -> None:
        ref = (await core.next("opened")).session
        core.send(registration=pb.Registration(session=ref, status=REJECTED))
        core.send(watch=pb.Watch(tenant_id="default", station_id="CS1", on=True))
        await station.ask("BootNotification", BOOT)
        core.send(registration=pb.Registration(session=ref, status=REJECTED))
        core.command(ref, "c1", availability_pb2.ChangeAvailabilityRequest())

        await core.next("command_failure")
        assert (await station.ask("Heartbeat", {}))[2] == "SecurityError"

    async def test_B02_FR_02_pending_station_may_send_what_it_was_asked_for(self) -> None:
        async with (
            fake_core(FakeCore(registration=PENDING)) as core,
            running_edge(core) as edge,
            edge.station() as station,
        ):
            ref = (await core.next("opened")).session
            report = {"requestId": 7, "generatedAt": "2025-01-31T12:00:00Z", "seqNo": 0}
            base = provisioning_pb2.GetBaseReportRequest(
                request_id=7, report_base=provisioning_pb2.REPORT_BASE_ENUM_FULL_INVENTORY
            )
            trigger = remote_control_pb2.TriggerMessageRequest(
                requested_message=remote_control_pb2.MESSAGE_TRIGGER_ENUM_STATUS_NOTIFICATION
            )

            before = await station.ask("NotifyReport", report)
            core.command(ref, "c1", base)
            await station.answer({"status": "Accepted"})
            asked = await station.ask("NotifyReport", report)
            other = await station.ask("NotifyReport", {**report, "requestId": 8})
            core.command(ref, "c2", trigger)
            await station.answer({"status": "Accepted"})
            triggered = await station.ask("StatusNotification", STATUS)
            untriggered = await station.ask("Heartbeat", {})

        assert [each[0] for each in (before, asked, other, triggered, untriggered)] == [4, 3, 4, 3, 4]

    async def test_B03_FR_03_nothing_is_sent_to_a_rejected_station(self) -> None:
        async with fake_core(FakeCore(registration=REJECTED)) as core, running_edge(core) as edge, edge.station():
            ref = (await core.next("opened")).session
            core.command(ref, "c1", provisioning_pb2.GetBaseReportRequest(request_id=7))

            failure = await core.next("command_failure")

        assert failure.reason == pb.CommandFailure.REASON_UNSUPPORTED
        assert "B03.FR.03" in failure.error.description


class TestClose:
    """What happens to messages when sockets close."""

    async def test_call_read_before_the_close_is_processed_and_then_the_close_reported(
        self, core: FakeCore, edge: RunningEdge
    ) -> None:
        async with edge.station() as station:
            await station.send([2, "m1", "StatusNotification", STATUS])
            await station.send([2, "m2", "Heartbeat", {}])
        closed = await core.next("closed")

        assert [call.message_id for call in core.all("call")] == ["m1", "m2"]
        assert core.order()[-1] == "closed"
        assert (closed.session.epoch, closed.code) == (1, 1000)

    async def test_lost_connection_is_1006(self, core: FakeCore, edge: RunningEdge) -> None:
        async with edge.station() as station:
            station.websocket.transport.abort()

            assert (await core.next("closed")).code == 1006

    async def test_late_core_answer_to_a_closed_socket_is_dropped(self, core: FakeCore, edge: RunningEdge) -> None:
        core.reply = lambda call: None
        async with edge.station() as station:
            await station.send([2, "m1", "Heartbeat", {}])
            call = await core.next("call")
        core.answer(call, availability_pb2.HeartbeatResponse(current_time=NOW))

        assert (await core.next("closed")).session.epoch == 1

    async def test_core_that_does_not_answer_costs_the_socket(self, core: FakeCore) -> None:
        """No CALLERROR, which would count against a transaction message: the station keeps it and comes again."""
        core.reply = lambda call: None
        async with running_edge(core, ocpp_answer_timeout=timedelta(seconds=0.6)) as edge, edge.station() as station:
            await station.send([2, "m1", "Heartbeat", {}])

            await station.websocket.wait_closed()

            assert station.websocket.close_code == 1012


class TestSend:
    """SEND (part 4 of OCPP 2.1, 4.2.4) and CALLRESULTERROR."""

    STREAM = {"id": 1, "pending": 0, "basetime": "2025-01-31T12:00:00Z", "data": [{"t": 0.5, "v": "1"}]}

    async def test_send_reaches_the_core_and_is_not_answered(self, core: FakeCore, station21: RawStation) -> None:
        await station21.send([6, "s1", "NotifyPeriodicEventStream", self.STREAM])
        await station21.send([2, "last", "Heartbeat", {}])

        assert await station21.receive() == HEARTBEAT
        send = await core.next("send")
        assert (send.message_id, send.request.notify_periodic_event_stream.data[0].v) == ("s1", "1")

    @pytest.mark.parametrize(
        "frame",
        [
            [6, "s1", "NotifyPeriodicEventStream", {}],
            [6, "s1", "Heartbeat", {}],
            [6, "s1", "Nothing", {}],
            [6, "s1"],
            [6, 1, "NotifyPeriodicEventStream", {}],
            [5, "s1", "FormatViolation", "", {}],
            [5],
        ],
    )
    async def test_invalid_send_is_dropped(self, core: FakeCore, station21: RawStation, frame: list[Any]) -> None:
        await station21.send(frame)
        await station21.send([2, "last", "Heartbeat", {}])

        assert await station21.receive() == HEARTBEAT
        assert core.all("send") == []

    async def test_message_of_send_is_no_call(self, station21: RawStation) -> None:
        answer = await station21.ask("NotifyPeriodicEventStream", self.STREAM)

        assert answer[2] == "NotSupported"


async def test_watched_frames_are_reported_without_passwords(core: FakeCore, station: RawStation) -> None:
    ref = (await core.next("opened")).session
    core.send(watch=pb.Watch(tenant_id="default", station_id="CS1", on=True))
    data = provisioning_pb2.SetVariablesRequest()
    data.set_variable_data.add(attribute_value="hunter2-hunter2")
    data.set_variable_data[0].component.name = "SecurityCtrlr"
    data.set_variable_data[0].variable.name = "BasicAuthPassword"
    core.command(ref, "c1", data)
    result = {"setVariableResult": [{**json_names(), "attributeStatus": "Accepted"}]}
    await station.answer(result)
    await station.ask("Heartbeat", {})
    core.send(watch=pb.Watch(tenant_id="default", station_id="CS1", on=False))
    core.command(ref, "c2", data)
    await station.answer(result)
    await core.next("command_result")
    await core.next("command_result")

    observed = core.all("observed")
    assert [each.from_station for each in observed] == [False, True, True, False]
    assert "hunter2" not in "".join(each.frame for each in observed)
    assert '"***"' in observed[0].frame
    assert observed[0].session == ref


def json_names() -> dict[str, Any]:
    return {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
