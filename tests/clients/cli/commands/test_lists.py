"""What lists are asked for, option by option, and the histories and poisoned messages that are printed."""

from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import authorization_pb2 as authorization
from citrine.api.v1 import poisoned_messages_pb2 as poisoned
from citrine.api.v1.availability_pb2 import (
    ListConnectorsRequest,
    ListConnectorsResponse,
    ListConnectorStatusesRequest,
    ListConnectorStatusesResponse,
)
from citrine.api.v1.commands_pb2 import ListCommandsRequest, ListCommandsResponse
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.connections_pb2 import (
    Connection,
    ConnectionRecord,
    ListConnectionRecordsRequest,
    ListConnectionRecordsResponse,
    ListConnectionsRequest,
    ListConnectionsResponse,
)
from citrine.api.v1.data_transfer_pb2 import ListDataTransfersRequest, ListDataTransfersResponse
from citrine.api.v1.diagnostics_pb2 import ListAlertsRequest, ListAlertsResponse
from citrine.api.v1.refusals_pb2 import ListRefusalsRequest, ListRefusalsResponse
from citrine.api.v1.remote_control_pb2 import ListRemoteStartsRequest, ListRemoteStartsResponse
from citrine.api.v1.reservation_pb2 import ListReservationsRequest, ListReservationsResponse
from citrine.api.v1.security_pb2 import ListSecurityEventsRequest, ListSecurityEventsResponse
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    STATION_CONNECTION_CLOSED,
    STATION_ORDER_ID,
    HandshakeRefusal,
    ListHandshakeRefusalsRequest,
    ListHandshakeRefusalsResponse,
    ListStationsRequest,
    ListStationsResponse,
)
from citrine.api.v1.tariff_and_cost_pb2 import ListCostCorrectionsRequest, ListCostCorrectionsResponse
from citrine.api.v1.transactions_pb2 import (
    ListSettlementActionsRequest,
    ListSettlementActionsResponse,
    ListTransactionsRequest,
    ListTransactionsResponse,
    ListUnmatchedEndsRequest,
    ListUnmatchedEndsResponse,
    SettlementAction,
)
from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_FAULTED
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_PENDING
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_SUSPENDED_EV
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_BLOCKED, IdToken
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

SPAN = ["--from", "2030-01-01T00:00:00Z", "--to", "2030-01-02T00:00:00Z"]
TIMES = TimeRange(start=Timestamp(seconds=1893456000), end=Timestamp(seconds=1893542400))


@pytest.mark.parametrize(
    ("line", "expected", "answer"),
    [
        (
            ["transaction", "list", "--evse", "2", "--state", "suspended-ev", "--unsettled", "--token-group", "Fleet"],
            ListTransactionsRequest(
                evse_id=2,
                charging_state=CHARGING_STATE_ENUM_SUSPENDED_EV,
                unsettled_only=True,
                group_id="Fleet",
            ),
            ListTransactionsResponse(),
        ),
        (
            ["transaction", "list", "--group", "north", "--settled-from", SPAN[1], "--settled-to", SPAN[3]],
            ListTransactionsRequest(stations=StationSelector(groups=["north"]), settle_time=TIMES),
            ListTransactionsResponse(),
        ),
        (["transaction", "starts", *SPAN], ListRemoteStartsRequest(create_time=TIMES), ListRemoteStartsResponse()),
        (
            ["transaction", "unmatched", *SPAN],
            ListUnmatchedEndsRequest(receive_time=TIMES),
            ListUnmatchedEndsResponse(),
        ),
        (
            ["transaction", "actions", "--kind", "waive", "--by", "bob", *SPAN],
            ListSettlementActionsRequest(kind=SettlementAction.KIND_WAIVE, requested_by="bob", time=TIMES),
            ListSettlementActionsResponse(),
        ),
        (
            ["cost", "corrections", "--by", "bob", *SPAN],
            ListCostCorrectionsRequest(requested_by="bob", create_time=TIMES),
            ListCostCorrectionsResponse(),
        ),
        (
            ["command", "list", "--action", "Reset", "--by", "bob", "--label", "city=Bonn", *SPAN],
            ListCommandsRequest(
                action="Reset",
                requested_by="bob",
                create_time=TIMES,
                stations=StationSelector(labels={"city": "Bonn"}),
            ),
            ListCommandsResponse(),
        ),
        (
            ["reservation", "list", "--evse", "1", "--token-group", "Fleet", *SPAN],
            ListReservationsRequest(evse_id=1, group_id="Fleet", create_time=TIMES),
            ListReservationsResponse(),
        ),
        (
            ["monitor", "alerts", "--component", "Fan", "--variable", "Speed", "--unacknowledged"],
            ListAlertsRequest(component="Fan", variable="Speed", acknowledged=False),
            ListAlertsResponse(),
        ),
        (
            [
                *("station", "list", "--id", "CS-", "--vendor", "Acme", "--model", "One", "--firmware", "1.0"),
                *("--ocpp", "1.6", "--registration", "pending", "--faulted", "--connection", "closed"),
            ],
            ListStationsRequest(
                station_id_prefix="CS-",
                vendor_name="Acme",
                model="One",
                firmware_version="1.0",
                ocpp_version="1.6",
                registration=REGISTRATION_STATUS_ENUM_PENDING,
                faulted_only=True,
                connection=STATION_CONNECTION_CLOSED,
                order=STATION_ORDER_ID,
            ),
            ListStationsResponse(),
        ),
        (
            ["station", "connectors", "--status", "faulted", "--evse", "1", "--location", "L-1"],
            ListConnectorsRequest(
                status=CONNECTOR_STATUS_ENUM_FAULTED, evse_id=1, stations=StationSelector(location_ids=["L-1"])
            ),
            ListConnectorsResponse(),
        ),
        (
            ["station", "statuses", "CS-1", "--evse", "2", *SPAN],
            ListConnectorStatusesRequest(station_id="CS-1", evse_id=2, time=TIMES),
            ListConnectorStatusesResponse(),
        ),
        (
            ["station", "security", "--type", "MemoryExhaustion", *SPAN],
            ListSecurityEventsRequest(type="MemoryExhaustion", time=TIMES),
            ListSecurityEventsResponse(),
        ),
        (
            ["station", "refusals", "--reason", "unknown-station", *SPAN],
            ListHandshakeRefusalsRequest(reason=HandshakeRefusal.REASON_UNKNOWN_STATION, last_time=TIMES),
            ListHandshakeRefusalsResponse(),
        ),
        (["refused", "list", *SPAN], ListRefusalsRequest(last_time=TIMES), ListRefusalsResponse()),
        (
            ["data", "list", "--vendor", "acme", "--message", "reading", *SPAN],
            ListDataTransfersRequest(vendor_id="acme", message_id="reading", create_time=TIMES),
            ListDataTransfersResponse(),
        ),
        (
            ["connection", "list", "--edge", "edge-1", "--ocpp", "2.1"],
            ListConnectionsRequest(edge_id="edge-1", ocpp_version="2.1"),
            ListConnectionsResponse(),
        ),
        (
            ["connection", "history", "--station", "CS-1", "--edge", "edge-1", *SPAN],
            ListConnectionRecordsRequest(station_id="CS-1", edge_id="edge-1", open_time=TIMES),
            ListConnectionRecordsResponse(),
        ),
        (
            ["authorization", "history", "--token", "C0FFEE", "--purpose", "start", "--status", "blocked", "--refused"],
            authorization.ListAuthorizationRecordsRequest(
                id_token="C0FFEE",
                purpose=authorization.AUTHORIZATION_PURPOSE_START,
                status=AUTHORIZATION_STATUS_ENUM_BLOCKED,
                refused_only=True,
            ),
            authorization.ListAuthorizationRecordsResponse(),
        ),
        (
            ["poisoned", "list", "--station", "CS-1", "--action", "Heartbeat", *SPAN],
            poisoned.ListPoisonedMessagesRequest(station_id="CS-1", action="Heartbeat", create_time=TIMES),
            poisoned.ListPoisonedMessagesResponse(),
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_list_is_asked_for_what_somebody_looks_for(
    citrine: Cli, core: ScriptedCore, line: list[str], expected: Any, answer: Message
) -> None:
    rpc = type(expected).__name__.removesuffix("Request")
    core.on(rpc, answer)

    ran = citrine(*line, "--json")

    assert (ran.code, ran.json) == (0, [])
    [asked] = core.requests(rpc)
    asked.page_size = 0
    assert asked == expected


def test_histories_are_printed(citrine: Cli, core: ScriptedCore) -> None:
    connection = Connection(station_id="CS-1", epoch=7, ocpp_version="2.0.1", edge_id="edge-1")
    record = ConnectionRecord(connection=connection, close_code=1006, close_reason="cut")
    core.on("ListConnectionRecords", ListConnectionRecordsResponse(records=[record]))
    decision = authorization.AuthorizationRecord(
        station_id="CS-1",
        id_token=IdToken(id_token="C0FFEE"),
        purpose=authorization.AUTHORIZATION_PURPOSE_ASK,
        status=AUTHORIZATION_STATUS_ENUM_BLOCKED,
        authorizer=authorization.AUTHORIZER_PART_SILENT,
    )
    core.on("ListAuthorizationRecords", authorization.ListAuthorizationRecordsResponse(records=[decision]))

    connections = citrine("connection", "history").lines[1].split()
    decisions = citrine("authorization", "history").lines[1].split()

    assert (connections[:4], connections[-2:]) == (["CS-1", "2.0.1", "7", "edge-1"], ["1006", "cut"])
    assert {"CS-1", "C0FFEE", "Blocked"} <= set(decisions)


def test_a_poisoned_message_is_shown_run_and_removed(citrine: Cli, core: ScriptedCore) -> None:
    request, response = Struct(), Struct()
    request.update({"vendorId": "acme"})
    response.update({"status": "Accepted"})
    message = poisoned.PoisonedMessage(
        poisoned_message_id="7", station_id="CS-1", action="DataTransfer", request=request, error="a bug"
    )
    core.on("GetPoisonedMessage", message)
    core.on("ListPoisonedMessages", poisoned.ListPoisonedMessagesResponse(messages=[message]))
    core.on("DeletePoisonedMessage", Empty())
    core.on("RunPoisonedMessage", poisoned.RunPoisonedMessageResponse(response=response))

    assert citrine("poisoned", "list").lines[1].split()[:3] == ["7", "CS-1", "DataTransfer"]
    assert '"vendorId"' in citrine("poisoned", "show", "7").out
    assert "message 7 is processed" in citrine("poisoned", "run", "7").out
    assert citrine("poisoned", "remove", "7").lines == ["message 7 removed"]
    assert [one.poisoned_message_id for one in core.requests("DeletePoisonedMessage")] == ["7"]
