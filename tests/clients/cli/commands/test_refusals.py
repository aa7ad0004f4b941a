"""`citrine refused`: what is sent and printed."""

from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import refusals_pb2 as pb
from citrine.api.v1.stations_pb2 import ListStationsResponse, Station
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

REFUSAL = pb.Refusal(
    station_id="CS-1",
    outcome=pb.REFUSAL_OUTCOME_REFUSED,
    action="TransactionEvent",
    event_type=TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED,
    code="FormatViolation",
    path="/x",
    description="/x is not in the schema",
    count=12,
    last_frame='[2,"1"]',
)


def test_what_was_refused_is_listed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListRefusals", pb.ListRefusalsResponse(refusals=[REFUSAL]))

    listed = citrine("refused", "list", "--station", "CS-1", "--outcome", "refused", "--frames")
    as_json = citrine("refused", "list", "--json")
    wrong = citrine("refused", "list", "--outcome", "lost")

    assert "TransactionEvent Ended" in listed.lines[1]
    assert listed.lines[1].endswith('[2,"1"]')
    assert as_json.json[0]["count"] == "12"
    assert wrong.code == 2
    (first, _) = core.requests("ListRefusals")
    assert (first.station_id, first.outcome) == ("CS-1", pb.REFUSAL_OUTCOME_REFUSED)


def test_it_is_on_the_first_screen(citrine: Cli, core: ScriptedCore) -> None:
    station = Station(station_id="CS-1", refused=pb.RefusalSummary(count=15, gravest=REFUSAL, gravest_count=12))
    core.on("ListStations", ListStationsResponse(stations=[station]))
    core.on("GetStation", station)

    listed, shown = citrine("station", "list"), citrine("station", "show", "CS-1")

    assert listed.lines[1].endswith("15 (TransactionEvent Ended)")
    assert "15 messages" in shown.out
    assert "TransactionEvent Ended 12 times" in shown.out
    assert "FormatViolation /x is not in the schema" in shown.out
    assert "tolerance" not in shown.out


def test_a_refusal_says_which_rule_would_let_it_pass(citrine: Cli, core: ScriptedCore) -> None:
    remedies = [pb.TOLERANCE_KIND_JSON_TYPES, pb.TOLERANCE_KIND_TIMES]
    refusal = pb.Refusal(
        station_id="CS-1", outcome=pb.REFUSAL_OUTCOME_REFUSED, action="StopTransaction", remedies=remedies
    )
    hardware = ChargingStation(vendor_name="Acme Inc.", model="One")
    station = Station(
        station_id="CS-1", hardware=hardware, refused=pb.RefusalSummary(count=1, gravest=refusal, gravest_count=1)
    )
    core.on("ListRefusals", pb.ListRefusalsResponse(refusals=[refusal]))
    core.on("GetStation", station)

    listed, shown = citrine("refused", "list"), citrine("station", "show", "CS-1")

    assert listed.lines[1].endswith("json-types times")
    command = "citrine tolerance set acme-inc--one-stoptransaction-json-types-times --vendor 'Acme Inc.' --model One"
    assert f"{command} --action StopTransaction --accept json-types --accept times" in " ".join(shown.out.split())


def test_it_is_forgotten(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ForgetRefusals", Empty())

    assert citrine("refused", "forget", "CS-1").out == "what was refused of station CS-1 is forgotten\n"
