"""`citrine record`, and `citrine transaction credit`."""

import re

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import charge_records_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_OPERATOR, CostCorrection, TransactionCost
from citrine.api.v1.tariffs_pb2 import Amount, Cost
from citrine.api.v1.transactions_pb2 import Transaction
from citrine.events.v1.events_service_pb2 import SubscribeResponse
from citrine_cli.commands import records as record_commands
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

ENDED = Timestamp(seconds=1_893_456_000)


def record() -> pb.ChargeRecord:
    return pb.ChargeRecord(
        record_id="R-1",
        revision=2,
        replaces=1,
        reason=CostCorrection.REASON_REPRICED,
        change=7,
        station_id="CS-1",
        transaction_id="T-1",
        settlement=SETTLEMENT_OPERATOR,
        energy_kwh="1.5",
        currency="EUR",
        total=Amount(before_tax="1.00", after_tax="1.19"),
        totals=[
            pb.ChargeTotal(
                dimension=pb.CHARGE_DIMENSION_ENERGY,
                quantity="1.5",
                amount=Amount(before_tax="1.00", after_tax="1.19"),
            )
        ],
        taxes=[pb.ChargeTax(type="VAT", percent="19", base="1.00", amount="0.19")],
    )


def test_records_are_listed_by_their_change(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListChargeRecords", pb.ListChargeRecordsResponse(records=[record()]))

    ran = citrine("record", "list", "--after", "0", "--latest", "--location", "L-1")

    assert ran.lines[1].split()[:6] == ["7", "T-1", "CS-1", "2", "repriced", "1.5"]
    [asked] = core.requests("ListChargeRecords")
    assert (asked.HasField("after_change"), asked.after_change, asked.latest_only) == (True, 0, True)
    assert list(asked.stations.location_ids) == ["L-1"]


def test_records_are_followed_by_their_change_until_the_core_refuses(citrine: Cli, core: ScriptedCore) -> None:
    def listed(request: pb.ListChargeRecordsRequest, context: grpc.ServicerContext) -> pb.ListChargeRecordsResponse:
        if request.after_change == 7:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "the key was changed")
        return pb.ListChargeRecordsResponse(records=[record()])

    core.on("ListChargeRecords", listed)
    core.on("Subscribe", lambda request, context: iter([SubscribeResponse()]))

    ran = citrine("record", "follow", "--after", "6")

    assert (ran.code, ran.err) == (1, "error: the key was changed\n")
    assert ran.lines == ["7  CS-1  T-1  revision 2  1.5 kWh  1.19 EUR"]


def test_a_transaction_is_settled_by_hand_and_its_record_shown(citrine: Cli, core: ScriptedCore) -> None:
    transaction = Transaction(station_id="CS-1", transaction_id="T-1", end_time=ENDED)
    core.on("GetTransaction", transaction)
    core.on("SettleTransaction", transaction)
    core.on("GetChargeRecord", record())

    ran = citrine("record", "settle", "T-1", "--reason", "month ends")

    assert [one.reason for one in core.requests("SettleTransaction")] == ["month ends"]
    for words in ("1.19 EUR", "VAT 19%", "operator", "repriced"):
        assert words in ran.out


def test_the_record_of_an_earlier_settlement_is_not_that_of_this_one(citrine: Cli, core: ScriptedCore) -> None:
    """A transaction that went on after it was settled, and is settled again."""
    again = Timestamp(seconds=ENDED.seconds + 60)
    core.on("GetTransaction", Transaction(station_id="CS-1", transaction_id="T-1", end_time=ENDED))
    core.on("SettleTransaction", Transaction(station_id="CS-1", transaction_id="T-1", settle_time=again))
    records = [pb.ChargeRecord(revision=1, settle_time=ENDED), pb.ChargeRecord(revision=2, settle_time=again)]
    core.on("GetChargeRecord", lambda request, context: records.pop(0))

    ran = citrine("record", "settle", "T-1", "--reason", "again")

    assert re.search(r"^revision +2$", ran.out, re.MULTILINE)


def test_a_settlement_that_changes_nothing_shows_the_record_that_stands(
    citrine: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_commands, "PATIENCE_AGAIN", 0.1)
    again = Timestamp(seconds=ENDED.seconds + 60)
    core.on("GetTransaction", Transaction(station_id="CS-1", transaction_id="T-1", end_time=ENDED))
    core.on("SettleTransaction", Transaction(station_id="CS-1", transaction_id="T-1", settle_time=again))
    core.on("GetChargeRecord", pb.ChargeRecord(record_id="R-1", revision=3, settle_time=ENDED))

    ran = citrine("record", "settle", "T-1", "--reason", "again")
    as_json = citrine("record", "settle", "T-1", "--reason", "again", "--json")

    assert ran.lines[0] == "transaction T-1 of CS-1 settled; its charge record is as it was: revision 3"
    assert re.search(r"^revision +3$", ran.out, re.MULTILINE)
    assert (as_json.json["recordId"], as_json.json["revision"]) == ("R-1", 3)


def test_a_record_that_is_not_made_in_time_is_told_and_nothing_else_printed_in_its_place(
    citrine: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(request: pb.GetChargeRecordRequest, context: grpc.ServicerContext) -> pb.ChargeRecord:
        context.abort(grpc.StatusCode.NOT_FOUND, "there is none")

    monkeypatch.setattr(record_commands, "PATIENCE", 0.1)
    core.on("GetTransaction", Transaction(station_id="CS-1", transaction_id="T-1", end_time=ENDED))
    core.on("SettleTransaction", Transaction(station_id="CS-1", transaction_id="T-1", settle_time=ENDED))
    core.on("GetChargeRecord", missing)

    ran = citrine("record", "settle", "T-1", "--reason", "month ends", "--json")

    said = "error: transaction T-1 of CS-1 is settled, and its charge record not made yet\n"
    assert (ran.code, ran.out, ran.err) == (1, "", said)


def test_what_is_not_settled_says_what_it_waits_for(citrine: Cli, core: ScriptedCore) -> None:
    waits = [pb.SETTLEMENT_WAIT_EVENTS, pb.SETTLEMENT_WAIT_REOPENED]
    one = pb.UnsettledTransaction(station_id="CS-1", transaction_id="T-1", waits_for=waits, end_time=ENDED)
    core.on("ListUnsettledTransactions", pb.ListUnsettledTransactionsResponse(transactions=[one]))

    assert "events, reopened" in citrine("record", "unsettled", "--over").out
    assert [asked.over_only for asked in core.requests("ListUnsettledTransactions")] == [True]


def test_an_amount_is_refunded(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransactionCost", TransactionCost(station_id="CS-1", transaction_id="T-1", corrections=3))
    cost = Cost(currency="EUR", total=Amount(before_tax="1", after_tax="1.19"))
    made = CostCorrection(station_id="CS-1", transaction_id="T-1", number=4, cost=cost)
    core.on("CreditTransactionCost", made)

    ran = citrine("transaction", "credit", "T-1", "1.00", "--reason", "slow", "--refunded")

    assert ran.lines == ["transaction T-1 of CS-1: correction 4, 1.19 EUR"]
    [asked] = core.requests("CreditTransactionCost")
    assert (asked.amount, asked.reason, asked.refunded, asked.replaces) == ("1.00", "slow", True, 3)
