"""Custom data in messages of every block: what stations send is readable, what operators send arrives."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from citrine.api.v1 import data_transfer_pb2 as pb
from citrine.api.v1 import meter_values_pb2, reports_pb2, transactions_pb2
from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.data_transfer_pb2_grpc import DataTransferServiceStub
from citrine.api.v1.meter_values_pb2_grpc import MeterValuesServiceStub
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.actions import ACTIONS, unwrap
from citrine.ocpp.codec import decode, encode
from citrine_core.blocks.data_transfer import CustomDataRecorder
from citrine_core.blocks.data_transfer.custom import bears_custom_data
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

CUSTOM = {"vendorId": "com.example", "count": 3, "nested": {"list": [1, "two", None, True]}}
TIME = "2025-03-01T12:00:00Z"


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(message("Heartbeat", {}))
        yield session


def message(action: str, payload: dict[str, Any]) -> Message:
    return decode(ACTIONS[action].request, payload)


def text_of(answer: Message) -> str:
    return str(MessageToDict(answer))


def where() -> dict[str, Any]:
    component = {"name": "Connector", "evse": {"id": 1, "connectorId": 1, "customData": CUSTOM}}
    return {"component": component, "variable": {"name": "AvailabilityState"}}


SENT: dict[str, dict[str, Any]] = {
    "Authorize": {"idToken": {"idToken": "AA", "type": "Central", "customData": CUSTOM}},
    "BootNotification": {
        "reason": "PowerUp",
        "chargingStation": {"model": "One", "vendorName": "Example", "modem": {"iccid": "1", "customData": CUSTOM}},
    },
    "FirmwareStatusNotification": {"status": "Idle", "customData": CUSTOM},
    "Heartbeat": {"customData": CUSTOM},
    "LogStatusNotification": {"status": "Idle", "customData": CUSTOM},
    "NotifyChargingLimit": {"chargingLimit": {"chargingLimitSource": "EMS", "customData": CUSTOM}},
    "NotifyEvent": {
        "generatedAt": TIME,
        "seqNo": 0,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": TIME,
                "trigger": "Delta",
                "actualValue": "Available",
                "eventNotificationType": "HardWiredNotification",
                **where(),
            }
        ],
    },
    "ReservationStatusUpdate": {"reservationId": 7, "reservationUpdateStatus": "Expired", "customData": CUSTOM},
    "SecurityEventNotification": {"type": "SettingSystemTime", "timestamp": TIME, "customData": CUSTOM},
    "StatusNotification": {
        "timestamp": TIME,
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
        "customData": CUSTOM,
    },
}
"""Messages of each block that does not keep them whole itself, with custom data on different levels."""


async def test_custom_data_of_any_message_is_kept(core: RunningCore, station: FakeSession) -> None:
    """Once, however often a message comes; a message without is not among them."""
    plain = {"timestamp": TIME, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
    await station.call(message("StatusNotification", plain))
    for _ in range(2):
        for action, payload in SENT.items():
            await station.call(message(action, payload))

    api = core.stub(DataTransferServiceStub)
    listed = (await api.ListCustomMessages(pb.ListCustomMessagesRequest(station_id="CS-1"))).custom_messages
    assert {one.action: MessageToDict(one.payload) for one in listed} == SENT
    assert len(listed) == len(SENT)
    of_action = await api.ListCustomMessages(pb.ListCustomMessagesRequest(action="Heartbeat"))
    assert [one.action for one in of_action.custom_messages] == ["Heartbeat"]


async def test_custom_data_is_kept_with_what_is_kept_whole(core: RunningCore, station: FakeSession) -> None:
    """Transactions, meter values, reports: their own services show it."""
    sampled = {"value": 1.5, "customData": CUSTOM}
    info = {"transactionId": "T-1", "customData": CUSTOM}
    event = {"eventType": "Started", "timestamp": TIME, "triggerReason": "CablePluggedIn", "seqNo": 0}
    message_info = {"id": 1, "priority": "InFront", "message": {"format": "UTF8", "content": "x", "customData": CUSTOM}}
    report = {"requestId": 5, "generatedAt": TIME, "seqNo": 0, "reportData": [{**where(), "variableAttribute": [{}]}]}
    await station.call(message("TransactionEvent", {**event, "transactionInfo": info}))
    await station.call(
        message("MeterValues", {"evseId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [sampled]}]})
    )
    await station.call(message("NotifyReport", report))
    await station.call(message("NotifyDisplayMessages", {"requestId": 6, "messageInfo": [message_info]}))
    await station.call(message("DataTransfer", {"vendorId": "com.example", "customData": CUSTOM}))

    events = await core.stub(TransactionsServiceStub).ListTransactionEvents(
        transactions_pb2.ListTransactionEventsRequest(station_id="CS-1", transaction_id="T-1")
    )
    samples = await core.stub(MeterValuesServiceStub).ListSamples(
        meter_values_pb2.ListSamplesRequest(station_id="CS-1", evse_id=1)
    )
    parts = [
        await core.stub(ReportsServiceStub).ListReportParts(
            reports_pb2.ListReportPartsRequest(station_id="CS-1", kind=kind, request_id=request_id)
        )
        for kind, request_id in (
            (reports_pb2.REPORT_KIND_DEVICE_MODEL, 5),
            (reports_pb2.REPORT_KIND_DISPLAY_MESSAGES, 6),
        )
    ]
    api = core.stub(DataTransferServiceStub)
    transfers = await api.ListDataTransfers(pb.ListDataTransfersRequest())
    assert encode(events.events[0].request)["transactionInfo"] == info
    for answer in (samples, *parts, transfers):
        assert "com.example" in text_of(answer)
        assert "two" in text_of(answer)
    assert not (await api.ListCustomMessages(pb.ListCustomMessagesRequest())).custom_messages


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        pytest.param(
            "SetVariables",
            {"setVariableData": [{"attributeValue": "x", "customData": CUSTOM, **where()}]},
            {"setVariableResult": [{"attributeStatus": "Accepted", "customData": CUSTOM, **where()}]},
            id="provisioning",
        ),
        pytest.param(
            "RequestStartTransaction",
            {"remoteStartId": 1, "idToken": {"idToken": "AA", "type": "Central", "customData": CUSTOM}},
            {"status": "Accepted", "statusInfo": {"reasonCode": "Ok", "customData": CUSTOM}},
            id="remote-control",
        ),
        pytest.param(
            "ReserveNow",
            {
                "id": 9,
                "expiryDateTime": "2099-01-01T00:00:00Z",
                "idToken": {"idToken": "AA", "type": "Central"},
                "customData": CUSTOM,
            },
            {"status": "Accepted", "customData": CUSTOM},
            id="reservation",
        ),
    ],
)
async def test_custom_data_of_commands_arrives_and_comes_back(
    core: RunningCore, station: FakeSession, action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    station.edge.on_command = lambda command: decode(ACTIONS[action].response, answer)  # type: ignore[arg-type]
    request = CallStationRequest(target=CommandTarget(station_id="CS-1"), action=action)
    ParseDict(payload, request.payload)

    response = await core.stub(CommandsServiceStub).CallStation(request)

    assert encode(unwrap(station.edge.commands[-1].request)) == payload
    assert MessageToDict(response.payload) == answer
    assert MessageToDict(response.command.response) == answer


def test_custom_data_is_found_on_any_level() -> None:
    assert all(bears_custom_data(message(action, payload)) for action, payload in SENT.items())
    assert not bears_custom_data(message("Heartbeat", {}))
    assert not bears_custom_data(message("Authorize", {"idToken": {"idToken": "AA", "type": "Central"}}))


async def test_custom_data_is_forgotten_in_time(core: RunningCore, station: FakeSession) -> None:
    await station.call(message("Heartbeat", SENT["Heartbeat"]))
    services = core.core.services
    api = core.stub(DataTransferServiceStub)

    async def kept_after(days: int) -> int:
        ahead = timedelta(days=days)
        await CustomDataRecorder(replace(services, clock=lambda: services.clock() + ahead)).forget()
        return len((await api.ListCustomMessages(pb.ListCustomMessagesRequest())).custom_messages)

    assert await kept_after(89) == 1
    assert await kept_after(91) == 0
