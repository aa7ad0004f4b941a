"""Ids by what they begin with, and what that costs."""

from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from citrine.api.v1.firmware_campaigns_pb2 import FirmwareCampaign, ListFirmwareCampaignsResponse
from citrine.api.v1.meter_values_pb2 import ListSamplesResponse
from citrine.api.v1.tariffs_pb2 import ListTariffAssignmentsResponse, TariffAssignment
from citrine.api.v1.transactions_pb2 import ListTransactionEventsResponse, ListTransactionsResponse, Transaction
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import Answer, ScriptedCore

WHOLE = "8f14e45f-ceea-467f-a0e6-5b2f1a3c9d10"


def only(field: str, whole: str, answer: Message) -> Answer:
    """Answer about one id; of any other there is nothing."""

    def answered(request: Any, context: grpc.ServicerContext) -> Message:
        if getattr(request, field) != whole:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{getattr(request, field)} does not exist")
        return answer

    return answered


def denied(request: Any, context: grpc.ServicerContext) -> Message:
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "transactions:read is missing")
    raise AssertionError


@pytest.fixture
def transactions(core: ScriptedCore) -> ScriptedCore:
    one = Transaction(transaction_id=WHOLE, station_id="CS-1")
    core.on("GetTransaction", only("transaction_id", WHOLE, one))
    core.on("ListTransactions", ListTransactionsResponse(transactions=[one]))
    core.on("ListTransactionEvents", ListTransactionEventsResponse())
    core.on("ListSamples", ListSamplesResponse())
    return core


def test_a_whole_id_costs_no_call_more(citrine: Cli, transactions: ScriptedCore) -> None:
    assert citrine("transaction", "show", WHOLE).code == 0
    assert citrine("meter", "list", "CS-1", "--transaction", WHOLE).code == 0

    assert transactions.requests("ListTransactions") == []


def test_a_beginning_is_looked_up_once(citrine: Cli, transactions: ScriptedCore) -> None:
    assert WHOLE in citrine("transaction", "show", "8f14").out
    citrine("meter", "list", "CS-1", "--transaction", "8f14")

    first, second = transactions.requests("ListTransactions")
    assert (first.transaction_id_prefix, first.station_id, first.page_size) == ("8f14", "", 11)
    assert (second.transaction_id_prefix, second.station_id) == ("8f14", "CS-1")
    assert transactions.requests("ListSamples")[0].transaction_id == WHOLE


def test_a_whole_id_that_is_not_there_is_not_looked_for(citrine: Cli, transactions: ScriptedCore) -> None:
    ran = citrine("transaction", "show", WHOLE[::-1])

    assert (ran.code, ran.err) == (1, f"error: {WHOLE[::-1]} does not exist\n")
    assert transactions.requests("ListTransactions") == []


def test_an_id_of_which_another_begins_is_itself(citrine: Cli, transactions: ScriptedCore) -> None:
    found = [Transaction(transaction_id=name, station_id="CS-1") for name in ("T-1", "T-10", "T-11")]
    transactions.on("ListTransactions", ListTransactionsResponse(transactions=found))

    citrine("meter", "list", "CS-1", "--transaction", "T-1")

    assert transactions.requests("ListSamples")[0].transaction_id == "T-1"


def test_more_candidates_than_one_wants_to_read_are_not_all_named(citrine: Cli, transactions: ScriptedCore) -> None:
    found = [Transaction(transaction_id=f"T-{number}", station_id="CS-1") for number in range(100, 111)]
    transactions.on("ListTransactions", ListTransactionsResponse(transactions=found))

    ran = citrine("transaction", "show", "T-1")

    assert ran.code == 1
    assert ran.err.startswith("error: several transactions begin with 'T-1': T-100 (CS-1), T-101 (CS-1), ")
    assert ran.err.endswith("T-109 (CS-1), …\n")


def test_a_key_that_may_not_list_transactions_gives_ids_whole(citrine: Cli, transactions: ScriptedCore) -> None:
    transactions.on("ListTransactions", denied)

    listed = citrine("meter", "list", "CS-1", "--transaction", "T-1")
    shown = citrine("transaction", "show", "T-1")

    assert listed.code == 0
    assert transactions.requests("ListSamples")[0].transaction_id == "T-1"
    assert (shown.code, shown.err) == (1, "error: T-1 does not exist\n")


def test_campaigns_and_assignments_are_found_so_too(citrine: Cli, core: ScriptedCore) -> None:
    campaign = FirmwareCampaign(campaign_id=WHOLE, display_name="spring")
    core.on("PauseFirmwareCampaign", only("campaign_id", WHOLE, campaign))
    core.on("ListFirmwareCampaigns", ListFirmwareCampaignsResponse(campaigns=[campaign]))
    core.on("UnassignTariff", only("assignment_id", WHOLE, Empty()))
    made = TariffAssignment(assignment_id=WHOLE, tariff_id="DAY")
    core.on("ListTariffAssignments", ListTariffAssignmentsResponse(assignments=[made]))

    assert citrine("firmware", "campaign", "pause", "8f14").out.startswith(f"campaign {WHOLE} is")
    assert citrine("tariff", "unassign", "8f14").code == 0
    assert [request.assignment_id for request in core.requests("UnassignTariff")] == ["8f14", WHOLE]
