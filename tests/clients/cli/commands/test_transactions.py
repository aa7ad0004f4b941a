"""What operators do with transactions and meter values daily: what is asked and what is printed."""

import pytest

from citrine.api.v1.common_pb2 import Command, CommandTarget, TimeRange
from citrine.api.v1.diagnostics_pb2 import ListMonitorsResponse
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest, ListSamplesResponse, Sample
from citrine.api.v1.remote_control_pb2 import (
    REMOTE_START_STATE_STARTED,
    ListRemoteStartsResponse,
    RemoteStart,
    RequestStartTransactionRequest,
    RequestStartTransactionResponse,
    RequestStopTransactionRequest,
    RequestStopTransactionResponse,
    UnlockConnectorResponse,
)
from citrine.api.v1.stations_pb2 import Station
from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection, TransactionCost
from citrine.api.v1.tariffs_pb2 import Amount, Cost
from citrine.api.v1.transactions_pb2 import (
    CloseTransactionRequest,
    GetTransactionStatusRequest,
    GetTransactionStatusResponse,
    ListSettlementActionsResponse,
    ListTransactionEventsResponse,
    ListTransactionsResponse,
    ReopenTransactionRequest,
    SettlementAction,
    SettleTransactionRequest,
    Transaction,
    TransactionCheck,
    TransactionEvent,
)
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2 import transactions_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import (
    AuthorizationStatusEnum,
    IdToken,
    MeasurandEnum,
    PhaseEnum,
    SampledValue,
    SignedMeterValue,
    StatusInfo,
)
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

ACCEPTED = remote_control.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
TARGET = CommandTarget(station_id="CS-1")


def test_a_station_is_asked_to_start(citrine: Cli, core: ScriptedCore) -> None:
    answer = RequestStartTransactionResponse(response=remote_control.RequestStartTransactionResponse(status=ACCEPTED))
    answer.command.request["remoteStartId"] = 7
    core.on("RequestStartTransaction", answer)

    ran = citrine("transaction", "start", "CS-1", "0A0B0C0D", "--evse", "2", "--group", "FLEET")

    assert ran.lines == ["Accepted: remote start 7"]
    assert core.requests("RequestStartTransaction") == [
        RequestStartTransactionRequest(
            target=TARGET,
            request=remote_control.RequestStartTransactionRequest(
                id_token=IdToken(id_token="0A0B0C0D", type="ISO14443"),
                evse_id=2,
                group_id_token=IdToken(id_token="FLEET", type="Central"),
            ),
        )
    ]


def test_a_station_that_refuses_to_start_or_to_stop_is_no_success(citrine: Cli, core: ScriptedCore) -> None:
    rejected = remote_control.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_REJECTED
    busy, command = StatusInfo(reason_code="Occupied"), Command(station_id="CS-1")
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))
    core.on(
        "RequestStartTransaction",
        RequestStartTransactionResponse(
            command=command,
            response=remote_control.RequestStartTransactionResponse(status=rejected, status_info=busy),
        ),
    )
    core.on(
        "RequestStopTransaction",
        RequestStopTransactionResponse(
            command=command, response=remote_control.RequestStopTransactionResponse(status=rejected)
        ),
    )

    start, stop = citrine("transaction", "start", "CS-1", "0A0B0C0D"), citrine("transaction", "stop", "T-1", "--json")

    assert (start.code, start.err) == (1, "error: CS-1 answered Rejected (Occupied)\n")
    assert (stop.code, stop.err) == (1, "error: CS-1 answered Rejected\n")
    assert stop.json["command"] == {"stationId": "CS-1"}


def test_the_connector_of_a_transaction_is_unlocked(citrine: Cli, core: ScriptedCore) -> None:
    """And one that is named, at its station; what stays locked is no success."""
    unlocked, failed = remote_control.UNLOCK_STATUS_ENUM_UNLOCKED, remote_control.UNLOCK_STATUS_ENUM_UNLOCK_FAILED
    answers = [remote_control.UnlockConnectorResponse(status=status) for status in (unlocked, failed)]
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))

    core.on("UnlockConnector", UnlockConnectorResponse(command=Command(station_id="CS-1"), response=answers[0]))
    of_transaction = citrine("transaction", "unlock", "T-1")
    core.on("UnlockConnector", UnlockConnectorResponse(command=Command(station_id="CS-1"), response=answers[1]))
    of_station = citrine("station", "unlock", "CS-1", "--evse", "2")

    assert (of_transaction.code, of_transaction.lines) == (0, ["CS-1 answered Unlocked"])
    assert (of_station.code, of_station.err) == (1, "error: CS-1 answered UnlockFailed\n")
    first, second = core.requests("UnlockConnector")
    assert (first.target.station_id, first.transaction_id) == ("CS-1", "T-1")
    assert second.request == remote_control.UnlockConnectorRequest(evse_id=2, connector_id=1)


def test_starts_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    start = RemoteStart(
        station_id="CS-1",
        remote_start_id=7,
        state=REMOTE_START_STATE_STARTED,
        id_token=IdToken(id_token="0A0B0C0D", type="ISO14443"),
        transaction_id="T-1",
    )
    core.on("ListRemoteStarts", ListRemoteStartsResponse(remote_starts=[start]))

    assert citrine("transaction", "starts").lines[1].split() == ["7", "CS-1", "0A0B0C0D", "started", "T-1"]
    start.transaction_end_time.FromJsonString("2030-01-01T00:00:00Z")
    start.stopped_reason = ocpp.REASON_ENUM_DE_AUTHORIZED
    start.token_status = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN
    core.on("ListRemoteStarts", ListRemoteStartsResponse(remote_starts=[start]))
    assert "  T-1          DeAuthorized: token Unknown" in citrine("transaction", "starts").lines[1]
    assert citrine("transaction", "starts", "--json").json[0]["remoteStartId"] == 7


def test_the_station_of_a_transaction_is_asked_to_stop_it(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))
    core.on(
        "RequestStopTransaction",
        RequestStopTransactionResponse(
            command=Command(station_id="CS-1"),
            response=remote_control.RequestStopTransactionResponse(status=ACCEPTED),
        ),
    )

    assert citrine("transaction", "stop", "T-1").lines == ["CS-1 answered Accepted"]
    assert core.requests("RequestStopTransaction") == [
        RequestStopTransactionRequest(
            target=TARGET, request=remote_control.RequestStopTransactionRequest(transaction_id="T-1")
        )
    ]


def test_the_station_of_a_transaction_is_asked_what_it_knows(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))
    said = ocpp.GetTransactionStatusResponse(ongoing_indicator=True, messages_in_queue=False)
    core.on("GetTransactionStatus", GetTransactionStatusResponse(response=said))

    lines = citrine("transaction", "check", "T-1").lines

    assert [line.split() for line in lines] == [["ongoing", "yes"], ["messages", "queued", "no"]]
    assert core.requests("GetTransactionStatus") == [
        GetTransactionStatusRequest(target=TARGET, request=ocpp.GetTransactionStatusRequest(transaction_id="T-1"))
    ]


def test_what_a_station_said_of_a_closed_transaction_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    found = Transaction(transaction_id="T-1", station_id="CS-1")
    found.close_time.FromJsonString("2030-01-01T00:00:00Z")
    found.check.CopyFrom(TransactionCheck(ongoing=False, messages_in_queue=False))
    found.check.answer_time.FromJsonString("2030-01-01T00:00:00Z")
    core.on("GetTransaction", found)
    refused = TransactionEvent(request=ocpp.TransactionEventRequest(seq_no=3))
    refused.response.id_token_info.status = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_NO_CREDIT
    core.on("ListTransactionEvents", ListTransactionEventsResponse(events=[refused]))

    ran = citrine("transaction", "show", "T-1")

    assert "not ongoing, nothing queued, 2030-01-01 00:00:00 UTC" in ran.out
    assert "closed" in ran.out
    assert ran.lines[-1].split() == ["3", "NoCredit"], "what the token of an event was answered"


def test_an_amount_has_its_currency(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1", total_cost=7.5))
    core.on("ListTransactionEvents", ListTransactionEventsResponse())
    unseen = citrine("transaction", "show", "T-1")
    core.on("GetTransactionCost", TransactionCost(cost=Cost(currency="EUR")))

    seen = citrine("transaction", "show", "T-1")

    assert "total cost   7.50 EUR\n" in seen.out
    # A key may see transactions, and no prices.
    assert "total cost   7.50 in the currency of its tariff\n" in unseen.out


def test_a_transaction_is_closed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))
    core.on("GetStation", Station(station_id="CS-1"))
    core.on("CloseTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))

    assert citrine("transaction", "close", "T-1").lines == ["transaction T-1 of CS-1 closed"]
    assert core.requests("CloseTransaction") == [CloseTransactionRequest(station_id="CS-1", transaction_id="T-1")]


@pytest.mark.parametrize(
    "command",
    [pytest.param(["settle", "T-1", "--reason", "x"], id="settle"), pytest.param(["close", "T-1"], id="close")],
)
def test_what_goes_on_is_settled_and_closed_only_by_consent(
    citrine: Cli, core: ScriptedCore, command: list[str]
) -> None:
    goes_on = Transaction(transaction_id="T-1", station_id="CS-1")
    goes_on.update_time.FromJsonString("2030-01-01T00:00:00Z")
    for method in ("GetTransaction", "SettleTransaction", "CloseTransaction"):
        core.on(method, goes_on)
    core.on("GetStation", Station(station_id="CS-1", connected=True))

    refused = citrine("transaction", *command)
    asked = [seen.method for seen in core.seen]
    done = citrine("transaction", *command, "--yes")

    assert (refused.code, done.code) == (2, 0)
    assert "station CS-1 is connected, last event 2030-01-01 00:00:00 UTC" in refused.err
    assert "--yes" in refused.err
    assert asked == ["GetTransaction", "GetStation"]


def test_operators_settle_and_reopen_and_say_why(citrine: Cli, core: ScriptedCore) -> None:
    found = Transaction(transaction_id="T-1", station_id="CS-1")
    reopened = Transaction(transaction_id="T-1", station_id="CS-1")
    reopened.settle_due_time.FromJsonString("2030-01-01T00:00:00Z")
    core.on("GetTransaction", found)
    core.on("GetStation", Station(station_id="CS-1"))
    core.on("SettleTransaction", found)
    core.on("ReopenTransaction", reopened)

    settled = citrine("transaction", "settle", "T-1", "--reason", "month ends")
    again = citrine("transaction", "reopen", "T-1", "--reason", "queue found")

    assert settled.lines == ["transaction T-1 of CS-1 settled"]
    assert again.lines == ["transaction T-1 of CS-1 reopened until 2030-01-01 00:00:00 UTC"]
    names = {"station_id": "CS-1", "transaction_id": "T-1"}
    assert core.requests("SettleTransaction") == [SettleTransactionRequest(**names, reason="month ends")]
    assert core.requests("ReopenTransaction") == [ReopenTransactionRequest(**names, reason="queue found")]


def test_operators_waive_and_reprice(citrine: Cli, core: ScriptedCore) -> None:
    correction = CostCorrection(station_id="CS-1", transaction_id="T-1", number=2, replaces=1)
    correction.cost.CopyFrom(Cost(currency="EUR", total=Amount(before_tax="0.00", after_tax="0.00")))
    correction.replaced_total.CopyFrom(Amount(before_tax="3.00", after_tax="3.57"))
    correction.replaced_currency = "USD"
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))
    core.on("WaiveTransactionCost", correction)
    core.on("RepriceTransaction", correction)

    waived = citrine("transaction", "waive", "T-1", "--reason", "sorry")
    repriced = citrine("transaction", "reprice", "T-1", "--reason", "wrong", "--tariff", "DAY", "--version", "3")

    assert waived.lines == ["transaction T-1 of CS-1: correction 2, 0.00 EUR instead of 3.57 USD"]
    assert repriced.lines == waived.lines
    (request,) = core.requests("RepriceTransaction")
    assert (request.tariff_id, request.tariff_version, request.reason) == ("DAY", 3, "wrong")
    assert citrine("transaction", "waive", "T-1", "--reason", "sorry", "--json").json["number"] == 2


def test_operators_confirm_readings(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))
    core.on("ConfirmReading", Transaction(transaction_id="T-1", station_id="CS-1", energy_wh=101000.0))

    ran = citrine("transaction", "confirm", "T-1", "102.0005", "--reason", "a truck")

    assert ran.lines == ["transaction T-1 of CS-1 has 101.000 kWh"]
    (request,) = core.requests("ConfirmReading")
    assert (request.station_id, request.register_wh, request.reason) == ("CS-1", 102000.5, "a truck")


def test_what_operators_did_is_listed(citrine: Cli, core: ScriptedCore) -> None:
    action = SettlementAction(
        station_id="CS-1", transaction_id="T-1", requested_by="anna", reason="sorry", correction=2
    )
    action.kind = SettlementAction.KIND_WAIVE
    core.on("ListSettlementActions", ListSettlementActionsResponse(actions=[action]))

    ran = citrine("transaction", "actions", "--transaction", "T-1")

    assert ran.lines[1].split() == ["T-1", "CS-1", "waive", "anna", "sorry", "2"]
    (request,) = core.requests("ListSettlementActions")
    assert request.transaction_id == "T-1"


def test_meter_values_are_listed_by_what_they_are(citrine: Cli, core: ScriptedCore) -> None:
    value = SampledValue(
        value=23.1,
        measurand=MeasurandEnum.MEASURAND_ENUM_VOLTAGE,
        phase=PhaseEnum.PHASE_ENUM_L1_N,
        signed_meter_value=SignedMeterValue(signed_meter_data="x", encoding_method="OCMF"),
    )
    sample = Sample(station_id="CS-1", evse_id=1, sampled_value=value, value="231", unit="V", transaction_id="T-1")
    core.on("ListSamples", ListSamplesResponse(samples=[sample]))

    flags = ["--measurand", "Voltage", "--phase", "L1-N", "--evse", "1", "--from", "2030-01-01T00:00:00Z", "--newest"]
    ran = citrine("meter", "list", "CS-1", *flags, "--limit", "5")

    assert ran.lines[1].split() == ["1", "Voltage", "231", "V", "L1-N", "T-1", "OCMF"]
    (request,) = core.requests("ListSamples")
    taken = TimeRange()
    taken.start.FromJsonString("2030-01-01T00:00:00Z")
    assert request == ListSamplesRequest(
        page_size=5,
        station_id="CS-1",
        measurand="Voltage",
        phase=PhaseEnum.PHASE_ENUM_L1_N,
        evse_id=1,
        time=taken,
        newest_first=True,
    )


def test_a_name_that_ocpp_does_not_have_is_refused(citrine: Cli, core: ScriptedCore) -> None:
    ran = citrine("meter", "list", "CS-1", "--phase", "L4")

    assert ran.code == 2
    assert "--phase: 'L4'" in ran.err
    assert core.seen == []


def test_transactions_are_listed_by_what_the_api_filters(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListTransactions", ListTransactionsResponse())

    ran = citrine("transaction", "list", "--token", "AA", "--from", "2026-01-01T00:00:00Z", "--to", "2026-02-01T00:00Z")

    assert ran.code == 0
    (request,) = core.requests("ListTransactions")
    assert request.id_token == "AA"
    assert request.start_time.start.ToJsonString() == "2026-01-01T00:00:00Z"
    assert request.start_time.end.ToJsonString() == "2026-02-01T00:00:00Z"


def test_monitors_and_samples_are_listed_by_what_the_api_filters(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListMonitors", ListMonitorsResponse())
    core.on("ListSamples", ListSamplesResponse())

    assert citrine("monitor", "list", "--component", "EVSE", "--variable", "Power").code == 0
    assert citrine("meter", "list", "CS-1", "--connector", "2").code == 0

    (monitors,) = core.requests("ListMonitors")
    assert (monitors.component, monitors.variable) == ("EVSE", "Power")
    assert core.requests("ListSamples")[0].connector_id == 2
