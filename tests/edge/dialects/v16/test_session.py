"""One connected station of OCPP 1.6, over a real websocket and against a core that the test plays."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2, remote_control_pb2, transactions_pb2, types_pb2
from tests.edge.conftest import RunningEdge
from tests.support.fake_core import NOW, PENDING, TRANSACTION_NUMBER, FakeCore, default_reply
from tests.support.raw_station import RawStation

TIME = "2025-01-31T12:00:00Z"
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}
START = {"connectorId": 1, "idTag": "DEADBEEF", "meterStart": 1200, "timestamp": TIME}


@pytest.fixture
async def station16(edge: RunningEdge) -> AsyncIterator[RawStation]:
    """A station that speaks 1.6 and is connected to the edge."""
    async with edge.station("CS16", version="1.6") as station:
        yield station


def accepted(call: pb.StationCall) -> Any:
    info = types_pb2.IdTokenInfo(status=types_pb2.AUTHORIZATION_STATUS_ENUM_ACCEPTED)
    if call.request.WhichOneof("message") == "transaction_event":
        return transactions_pb2.TransactionEventResponse(id_token_info=info)
    return default_reply(call)


async def test_it_is_admitted_as_1_6(core: FakeCore, station16: RawStation) -> None:
    assert (await core.next("admit")).version == pb.OCPP_VERSION_16
    assert station16.websocket.subprotocol == "ocpp1.6"


async def test_a_start_is_answered_with_the_number_of_the_core(core: FakeCore, station16: RawStation) -> None:
    core.reply = accepted

    answer = await station16.result("StartTransaction", START)

    assert answer == {"transactionId": TRANSACTION_NUMBER, "idTagInfo": {"status": "Accepted"}}
    call = await core.next("call")
    assert call.supplement == pb.Supplement(unnumbered=True, wants_transaction_number=True)


async def test_a_status_with_an_error_is_two_requests_and_one_answer(core: FakeCore, station16: RawStation) -> None:
    payload = {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted", "timestamp": TIME}

    assert await station16.result("StatusNotification", payload) == {}

    kinds = [(await core.next("call")).request.WhichOneof("message") for _ in range(2)]
    assert kinds == ["status_notification", "notify_event"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ([2, "m1", "StartTransaction", {**START, "colour": "red"}], "FormationViolation"),
        ([2, "m1", "StartTransaction", {}], "OccurenceConstraintViolation"),
        ([2, "m1", "StartTransaction", {**START, "idTag": 3}], "TypeConstraintViolation"),
        ([2, "m1", "StartTransaction", {**START, "timestamp": "now"}], "PropertyConstraintViolation"),
        ([2, "m1", "StartTransaction"], "FormationViolation"),
        ([2, "m1", "Heartbeat", []], "ProtocolError"),
        ([2, "m1", "Heartbeet", {}], "NotImplemented"),
        ([2, "m1", "Reset", {"type": "Hard"}], "NotSupported"),
    ],
)
async def test_errors_have_the_codes_of_1_6(station16: RawStation, frame: Any, code: str) -> None:
    await station16.send(frame)

    assert (await station16.receive())[:3] == [4, "m1", code]


@pytest.mark.parametrize("frame", ["hello", "[]", [2, 42, "Heartbeat", {}], [5, "m1", {}], [6, "m1", "Heartbeat", {}]])
async def test_what_can_not_be_answered_in_1_6_is_ignored_and_counted(
    core: FakeCore, station16: RawStation, frame: Any
) -> None:
    await station16.send(frame)

    assert await station16.result("Heartbeat", {}) == {"currentTime": TIME}
    [refusal] = (await core.next("refusals")).refusals
    assert refusal.outcome == pb.Refusal.OUTCOME_REFUSED


async def test_while_pending_a_station_may_not_send_what_nobody_triggered(
    core: FakeCore, station16: RawStation
) -> None:
    """OCPP 1.6, 4.2."""
    core.reply = lambda call: (
        provisioning_pb2.BootNotificationResponse(current_time=NOW, interval=60, status=PENDING)
        if call.request.HasField("boot_notification")
        else default_reply(call)
    )
    assert (await station16.result("BootNotification", BOOT))["status"] == "Pending"

    answer = await station16.ask("Heartbeat", {})

    assert (answer[0], answer[2]) == (4, "SecurityError")


async def test_an_open_socket_is_reported_with_its_version(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station("CS16", version="1.6"):
        assert (await core.next("opened")).version == pb.OCPP_VERSION_16


async def test_a_status_without_a_time_has_that_of_its_arrival(core: FakeCore, station16: RawStation) -> None:
    await station16.result("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})

    call = await core.next("call")
    assert call.request.status_notification.timestamp == call.receive_time


def rules(**fields: Any) -> pb.ToleranceRules:
    return pb.ToleranceRules(rules=[pb.ToleranceRule(tenant_id="default", rule_id="acme", **fields)])


async def test_a_number_as_message_id_is_answered_as_a_number_where_a_rule_says_so(
    core: FakeCore, edge: RunningEdge, station16: RawStation
) -> None:
    await station16.send([2, 41, "Heartbeat", {}])
    [refusal] = (await core.next("refusals")).refusals
    core.send(tolerance_rules=rules(actions=["Heartbeat"], kinds=[pb.ToleranceRule.KIND_MESSAGE_IDS]))
    await edge.until(lambda: edge.edge.router.tolerances.has_any("default"))

    await station16.send([2, 42, "Heartbeat", {}])
    assert await station16.receive() == [3, 42, {"currentTime": TIME}]
    await station16.send([2, "x" * 60, "Heartbeat", {}])
    assert await station16.receive() == [3, "x" * 60, {"currentTime": TIME}]

    assert list(refusal.remedies) == [pb.ToleranceRule.KIND_MESSAGE_IDS]
    assert [(await core.next("call")).message_id for _ in range(2)] == ["42", "x" * 36]


async def test_a_refusal_says_which_rule_would_help(core: FakeCore, station16: RawStation) -> None:
    payload = {**START, "connectorId": "1", "timestamp": "2025-01-31 12:00"}

    await station16.ask("StartTransaction", payload)
    await station16.ask("StartTransaction", {**START, "idTag": "x" * 21})

    refusals = {one.path: list(one.remedies) for one in (await core.next("refusals")).refusals}
    assert refusals == {
        "/connectorId": [pb.ToleranceRule.KIND_JSON_TYPES, pb.ToleranceRule.KIND_TIMES],
        "/idTag": [],
    }


async def test_a_rule_holds_for_the_firmware_that_the_station_booted_with(
    core: FakeCore, edge: RunningEdge, station16: RawStation
) -> None:
    kinds = [pb.ToleranceRule.KIND_JSON_TYPES]
    core.send(tolerance_rules=rules(actions=["StartTransaction"], kinds=kinds, firmware_version="1.*"))
    await edge.until(lambda: edge.edge.router.tolerances.has_any("default"))
    odd = {**START, "connectorId": "1"}

    before = await station16.ask("StartTransaction", odd)
    await station16.result("BootNotification", {**BOOT, "firmwareVersion": "1.7"})
    tolerated = await station16.ask("StartTransaction", odd)
    await station16.result("BootNotification", {**BOOT, "firmwareVersion": "2.0"})
    after = await station16.ask("StartTransaction", odd)

    assert [before[0], tolerated[0], after[0]] == [4, 3, 4]


async def test_a_pending_station_is_not_asked_to_charge(core: FakeCore, edge: RunningEdge) -> None:
    core.registration = PENDING
    async with edge.station("CS16", version="1.6"):
        ref = (await core.next("opened")).session
        token = types_pb2.IdToken(id_token="A", type="Central")
        core.command(ref, "c1", remote_control_pb2.RequestStartTransactionRequest(id_token=token, remote_start_id=1))

        failure = await core.next("command_failure")

    assert failure.reason == pb.CommandFailure.REASON_UNSUPPORTED
    assert failure.error.code == "SecurityError"
