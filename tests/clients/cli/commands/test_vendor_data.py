"""`citrine data`: what is printed."""

from google.protobuf.struct_pb2 import Struct

from citrine.api.v1 import data_transfer_pb2 as pb
from citrine.ocpp.v2 import data_transfer_pb2 as ocpp
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def test_what_vendors_sent_is_listed(citrine: Cli, core: ScriptedCore) -> None:
    payload = Struct()
    payload.update({"customData": {"vendorId": "com.example"}})
    transfer = pb.StoredDataTransfer(
        station_id="CS-1",
        request=ocpp.DataTransferRequest(vendor_id="com.example", message_id="reading"),
        response=ocpp.DataTransferResponse(status=ocpp.DATA_TRANSFER_STATUS_ENUM_ACCEPTED),
    )
    transfer.request.data.string_value = "warm"
    core.on("ListDataTransfers", pb.ListDataTransfersResponse(data_transfers=[transfer]))
    custom = pb.CustomMessage(station_id="CS-1", action="Heartbeat", payload=payload)
    core.on("ListCustomMessages", pb.ListCustomMessagesResponse(custom_messages=[custom]))

    transfers = citrine("data", "list", "--station", "CS-1")
    messages = citrine("data", "custom", "--action", "Heartbeat")
    as_json = citrine("data", "custom", "--json")

    assert transfers.lines[1].split() == ["CS-1", "com.example", "reading", "Accepted", '"warm"']
    assert '"vendorId": "com.example"' in messages.lines[1]
    assert as_json.json[0]["payload"] == {"customData": {"vendorId": "com.example"}}
    assert core.requests("ListCustomMessages")[0].action == "Heartbeat"
