"""Block P, Data transfer: what vendors add to OCPP."""

from typing import Any

from google.protobuf.json_format import MessageToDict

from citrine.api.v1 import data_transfer_pb2 as pb
from citrine.api.v1.transactions_pb2 import ListTransactionEventsRequest
from citrine.ocpp.codec import encode
from citrine_sdk import Citrine
from tests.conformance.states import booted
from tests.conformance.station import ConformanceStation, now

CUSTOM_DATA: dict[str, Any] = {"vendorId": "com.example", "lamp": {"color": "green", "level": 7}}
"""<customData>"""


async def test_TC_P_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Data of a vendor that nobody knows is answered as such, and kept."""
    await booted(station)

    sent = {"vendorId": "com.example.nobody", "messageId": "reading", "data": {"celsius": 21.5}}
    answer = await station.call("DataTransfer", sent)

    assert answer["status"] == "UnknownVendorId"
    listed = await api.data_transfer.ListDataTransfers(pb.ListDataTransfersRequest(station_id=station.station_id))
    (kept,) = listed.data_transfers
    assert encode(kept.request) == sent
    assert encode(kept.response) == answer


async def test_TC_P_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Custom data in messages is received and kept."""
    await booted(station)

    status = {
        "timestamp": now(),
        "connectorStatus": "Occupied",
        "evseId": station.evse_id,
        "connectorId": station.connector_id,
        "customData": CUSTOM_DATA,
    }
    event = {
        "eventType": "Started",
        "timestamp": now(),
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "TC-P-03", "customData": CUSTOM_DATA},
        "customData": CUSTOM_DATA,
    }
    assert await station.call("StatusNotification", status) == {}
    await station.call("TransactionEvent", event)

    listed = await api.data_transfer.ListCustomMessages(pb.ListCustomMessagesRequest(station_id=station.station_id))
    (kept,) = listed.custom_messages
    assert kept.action == "StatusNotification"
    assert MessageToDict(kept.payload)["customData"] == CUSTOM_DATA
    events = await api.transactions.ListTransactionEvents(
        ListTransactionEventsRequest(station_id=station.station_id, transaction_id="TC-P-03")
    )
    request = encode(events.events[0].request)
    assert request["customData"] == request["transactionInfo"]["customData"] == CUSTOM_DATA
