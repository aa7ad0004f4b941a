"""`citrine refused` and `citrine tolerance`: what is sent and printed."""

from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import refusals_pb2 as pb
from citrine.api.v1.stations_pb2 import ListStationsResponse, Station
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

REFUSAL = pb.Refusal(
    station_id="CS-1",
    outcome=pb.REFUSAL_OUTCOME_REFUSED,
    action="TransactionEvent",
    event_type="Ended",
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


def test_it_is_forgotten(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ForgetRefusals", Empty())

    assert citrine("refused", "forget", "CS-1").out == "what was refused of station CS-1 is forgotten\n"


def test_rules_are_set_listed_and_removed(citrine: Cli, core: ScriptedCore) -> None:
    rule = pb.ToleranceRule(
        rule_id="acme", vendor_name="Acme", actions=["TransactionEvent"], kinds=[pb.TOLERANCE_KIND_EMPTY_VALUES], uses=3
    )
    core.on("SetToleranceRule", rule)
    core.on("ListToleranceRules", pb.ListToleranceRulesResponse(rules=[rule]))
    core.on("DeleteToleranceRule", Empty())

    told = citrine(
        "tolerance", "set", "acme", "--vendor", "Acme", "--accept", "empty-values", "--accept", "extra-fields"
    )
    listed, removed = citrine("tolerance", "list"), citrine("tolerance", "remove", "acme")
    wrong = citrine("tolerance", "set", "acme", "--accept", "all")

    assert told.out == "tolerance rule acme set for TransactionEvent\n"
    assert listed.lines[1].split() == ["acme", "Acme", "TransactionEvent", "empty-values", "3"]
    assert removed.code == 0
    assert wrong.code == 2
    (sent,) = core.requests("SetToleranceRule")
    assert list(sent.rule.kinds) == [pb.TOLERANCE_KIND_EMPTY_VALUES, pb.TOLERANCE_KIND_EXTRA_FIELDS]
