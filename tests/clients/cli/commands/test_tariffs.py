"""`citrine tariff` and `citrine cost`: what is asked and what is printed."""

import json
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

COST = pb.Cost(
    currency="EUR",
    total=pb.Amount(before_tax="6.00", after_tax="7.14"),
    lines=[
        pb.CostLine(
            kind=pb.CostLine.KIND_ENERGY,
            price="0.30",
            vat="19",
            quantity="20",
            amount=pb.Amount(before_tax="6.00", after_tax="7.14"),
        )
    ],
    energy_kwh="20",
    charging_time=Duration(seconds=3600),
)


def test_a_tariff_is_made_of_flags(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateTariff", pb.Tariff(tariff_id="DAY", version=1))

    ran = citrine(
        *("tariff", "create", "DAY", "--currency", "EUR", "--energy", "0.30", "--idle", "6", "--idle-after", "10"),
        *("--fee", "0.50", "--vat", "19", "--max", "50", "--time-zone", "Europe/Berlin", "--text", "de=30 Cent"),
    )

    assert ran.lines == ["tariff DAY created; it applies to nobody until it is assigned"]
    parking = pb.PriceComponent(dimension=pb.TARIFF_DIMENSION_IDLE_TIME, price="6", vat="19")
    limits = pb.TariffRestrictions(min_idle_time=Duration(seconds=600))
    assert core.requests("CreateTariff") == [
        pb.CreateTariffRequest(
            tariff=pb.Tariff(
                tariff_id="DAY",
                currency="EUR",
                time_zone="Europe/Berlin",
                elements=[
                    pb.TariffElement(
                        price_components=[
                            pb.PriceComponent(dimension=pb.TARIFF_DIMENSION_ENERGY, price="0.30", vat="19"),
                            pb.PriceComponent(dimension=pb.TARIFF_DIMENSION_FLAT, price="0.50", vat="19"),
                        ]
                    ),
                    pb.TariffElement(price_components=[parking], restrictions=limits),
                ],
                max_price=pb.Amount(after_tax="50"),
                texts=[pb.TariffText(language="de", text="30 Cent")],
            )
        )
    ]


def test_a_tariff_needs_a_currency_and_a_price(citrine: Cli, core: ScriptedCore) -> None:
    nothing = citrine("tariff", "create", "DAY")
    no_price = citrine("tariff", "create", "DAY", "--currency", "EUR")

    assert (nothing.code, no_price.code) == (2, 2)
    assert "--currency EUR" in nothing.err
    assert "--energy, --charging, --idle or --fee" in no_price.err
    assert core.requests("CreateTariff") == []


def test_a_tariff_is_read_from_a_file(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    core.on("UpdateTariff", pb.Tariff(tariff_id="DAY", version=2))
    file = tmp_path / "tariff.json"
    file.write_text(json.dumps({"minPrice": {"beforeTax": "1"}}))

    ran = citrine("tariff", "update", "DAY", "--file", str(file))

    assert ran.lines == ["tariff DAY has version 2"]
    (request,) = core.requests("UpdateTariff")
    assert request.tariff == pb.Tariff(tariff_id="DAY", min_price=pb.Amount(before_tax="1"))


def test_what_is_no_tariff_is_refused(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    file = tmp_path / "tariff.json"
    file.write_text('{"colour": "red"}')

    ran = citrine("tariff", "create", "DAY", "--file", str(file))

    assert ran.code == 2
    assert "colour" in ran.err
    assert core.seen == []


def test_tariffs_are_shown_in_words(citrine: Cli, core: ScriptedCore) -> None:
    element = pb.TariffElement(
        price_components=[pb.PriceComponent(dimension=pb.TARIFF_DIMENSION_ENERGY, price="0.30", vat="19")],
        restrictions=pb.TariffRestrictions(
            start_time="08:00", end_time="18:00", days_of_week=[pb.DAY_OF_WEEK_MONDAY], max_power="11"
        ),
    )
    core.on("ListTariffs", pb.ListTariffsResponse(tariffs=[pb.Tariff(tariff_id="DAY", elements=[element], version=3)]))

    ran = citrine("tariff", "list")

    assert "energy 0.30/kWh +19% VAT (Mon, 08:00-18:00, power below 11 kW)" in ran.lines[1]


def test_a_tariff_is_assigned(citrine: Cli, core: ScriptedCore) -> None:
    made = pb.TariffAssignment(assignment_id="A-1", tariff_id="DAY", station_id="CS-1", evse_id=2, group_id="FLEET")
    core.on("AssignTariff", made)

    ran = citrine("tariff", "assign", "DAY", "--station", "CS-1", "--evse", "2", "--group", "FLEET")

    assert ran.lines == ["tariff DAY applies to group FLEET at CS-1 EVSE 2: assignment A-1"]
    made.ClearField("assignment_id")
    assert core.requests("AssignTariff") == [pb.AssignTariffRequest(assignment=made)]


def test_a_cost_is_tried_out(citrine: Cli, core: ScriptedCore) -> None:
    core.on("PreviewCost", pb.PreviewCostResponse(tariff_id="DAY", version=3, cost=COST, text="30 cents"))

    ran = citrine("tariff", "preview", "--station", "CS-1", "--kwh", "20", "--charging", "60")

    (request,) = core.requests("PreviewCost")
    assert request.usage == pb.Usage(energy_kwh="20", charging_time=Duration(seconds=3600))
    assert any(line.split() == ["with", "VAT", "7.14", "EUR"] for line in ran.lines)


def test_the_cost_of_a_transaction_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    cost = cost_pb.TransactionCost(transaction_id="T-1", state=cost_pb.COST_STATE_FINAL, cost=COST)
    core.on("GetTransactionCost", cost)

    assert citrine("cost", "show", "T-1", "--json").json["cost"]["total"] == {"beforeTax": "6.00", "afterTax": "7.14"}
    assert any(line.startswith("energy") and "0.30" in line for line in citrine("cost", "show", "T-1").lines)


def test_only_what_is_said_of_the_settings_is_changed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateCostSettings", pb.CostSettings(running_cost=pb.RUNNING_COST_BOTH))

    citrine("cost", "settings", "--running", "both", "--interval", "30")

    (request,) = core.requests("UpdateCostSettings")
    assert request.update_mask == FieldMask(paths=["running_cost", "running_cost_interval"])
    assert request.settings.running_cost_interval == Duration(seconds=30)


def test_an_interval_of_nothing_is_no_interval(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetCostSettings", pb.CostSettings())

    assert citrine("cost", "settings", "--interval", "0").code == 2
    assert core.requests("UpdateCostSettings") == []


def test_corrections_are_listed_and_shown(citrine: Cli, core: ScriptedCore) -> None:
    one = cost_pb.CostCorrection(station_id="CS-1", transaction_id="T-1", number=1, cost=COST, detail="wrong tariff")
    one.reason = cost_pb.CostCorrection.REASON_REPRICED
    one.replaced_total.CopyFrom(pb.Amount(before_tax="3.00", after_tax="3.57"))
    one.replaced_currency = "USD"
    core.on("ListCostCorrections", cost_pb.ListCostCorrectionsResponse(corrections=[one]))
    core.on("GetCostCorrection", one)

    listed = citrine("cost", "corrections", "--transaction", "T-1")
    shown = citrine("cost", "correction", "CS-1", "T-1", "--number", "1")

    assert listed.lines[1].split() == ["T-1", "CS-1", "1", "7.14", "EUR", "3.57", "USD", "repriced", "wrong", "tariff"]
    assert any(line.split()[:3] == ["replaces", "the", "final"] for line in shown.lines)
    assert any(line.startswith("energy") and "0.30" in line for line in shown.lines)
    (request,) = core.requests("GetCostCorrection")
    assert (request.station_id, request.transaction_id, request.number) == ("CS-1", "T-1", 1)


def test_a_cost_says_what_it_waits_for_or_that_it_is_not_known(citrine: Cli, core: ScriptedCore) -> None:
    cost = cost_pb.TransactionCost(transaction_id="T-1", state=cost_pb.COST_STATE_PROVISIONAL, cost=COST)
    cost.waits_for = cost_pb.COST_WAIT_EVENTS
    core.on("GetTransactionCost", cost)
    waits = citrine("cost", "show", "T-1").lines
    unknown = cost_pb.TransactionCost(transaction_id="T-1", state=cost_pb.COST_STATE_FINAL, unknown=True)
    core.on("GetTransactionCost", unknown)

    assert any(line.split() == ["waits", "for", "events"] for line in waits)
    assert citrine("cost", "show", "T-1").lines[-1] == "the cost is not known"


def test_a_cost_without_a_tariff_says_so_and_what_it_was_corrected_to(citrine: Cli, core: ScriptedCore) -> None:
    cost = cost_pb.TransactionCost(transaction_id="T-1", state=cost_pb.COST_STATE_FINAL, unknown=True, corrections=1)
    cost.corrected_total.CopyFrom(pb.Amount(before_tax="0.15", after_tax="0.15"))
    cost.corrected_currency = "USD"
    core.on("GetTransactionCost", cost)

    lines = [line.split() for line in citrine("cost", "show", "T-1").lines]

    assert ["tariff", "none"] in lines
    assert ["corrected", "to", "0.15", "USD"] in lines


def test_a_tariff_has_several_taxes_and_a_price_below_zero(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateTariff", pb.Tariff(tariff_id="SUN", version=1))

    citrine(
        *("tariff", "create", "SUN", "--currency", "CAD", "--energy", "-0.05", "--tax", "Federal=5"),
        *("--tax", "City=10/1", "--min", "1", "--min-needs-energy"),
    )
    wrong = citrine("tariff", "create", "SUN", "--energy", "1", "--tax", "5")

    (request,) = core.requests("CreateTariff")
    assert request.tariff.elements[0].price_components == [
        pb.PriceComponent(
            dimension=pb.TARIFF_DIMENSION_ENERGY,
            price="-0.05",
            taxes=[pb.TaxRate(type="Federal", percent="5"), pb.TaxRate(type="City", percent="10", stack=1)],
        )
    ]
    assert request.tariff.min_price_needs_energy
    assert wrong.code == 2


def test_an_assignment_has_a_beginning_and_an_end(citrine: Cli, core: ScriptedCore) -> None:
    begin, end = Timestamp(seconds=4070908800), Timestamp(seconds=4070995200)
    dated = pb.TariffAssignment(assignment_id="A-1", tariff_id="DAY", valid_from=begin, valid_to=end)
    core.on("AssignTariff", dated)
    core.on("ListTariffAssignments", pb.ListTariffAssignmentsResponse(assignments=[dated]))
    core.on("UnassignTariff", Empty())

    made = citrine("tariff", "assign", "DAY", "--from", "2099-01-01T00:00:00Z", "--to", "2099-01-02T00:00:00Z")
    listed = citrine("tariff", "assignments", "--all")
    citrine("tariff", "unassign", "A-1", "--at", "2099-01-01T12:00:00Z")

    (request,) = core.requests("AssignTariff")
    assert request.assignment == pb.TariffAssignment(tariff_id="DAY", valid_from=begin, valid_to=end)
    assert "from 2099-01-01 00:00:00 UTC until 2099-01-02 00:00:00 UTC" in made.lines[0]
    assert "2099-01-02 00:00:00 UTC" in listed.lines[1]
    # The first one looks for what else applies to these drivers.
    assert core.requests("ListTariffAssignments") == [
        pb.ListTariffAssignmentsRequest(page_size=1000),
        pb.ListTariffAssignmentsRequest(include_ended=True, page_size=1000),
    ]
    assert core.requests("UnassignTariff") == [
        pb.UnassignTariffRequest(assignment_id="A-1", valid_to=Timestamp(seconds=4070908800 + 43200))
    ]
