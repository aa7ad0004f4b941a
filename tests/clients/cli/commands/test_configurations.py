"""`citrine configuration`, and `citrine station apply|progress|drift`."""

import json
from pathlib import Path

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import Component, Variable
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

ENTRY = pb.DriftEntry(
    component=Component(name="OCPPCommCtrlr"),
    variable=Variable(name="HeartbeatInterval"),
    attribute=ocpp.ATTRIBUTE_ENUM_ACTUAL,
    wanted="60",
    actual="300",
    kind=pb.DRIFT_KIND_DIFFERS,
)


def test_configuration_is_added_as_options_say(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateConfiguration", pb.Configuration(configuration_id="site"))

    ran = citrine(
        "configuration", "add", "site", "OCPPCommCtrlr.HeartbeatInterval=60", "--for", "Example/Wallbox", "--for", "*",
        "--for", "Example/Wall box @location=north @group=fast@label=owner=a@b.c @label=bay=", "--hold-refused",
    )  # fmt: skip

    assert ran.code == 0
    placed = pb.ConfigurationSelector(
        vendor_name="Example",
        model="Wall box",
        location_id="north",
        station_group="fast",
        station_labels={"owner": "a@b.c", "bay": ""},
    )
    data = ocpp.SetVariableData(
        component=Component(name="OCPPCommCtrlr"), variable=Variable(name="HeartbeatInterval"), attribute_value="60"
    )
    [request] = core.requests("CreateConfiguration")
    for each in request.configuration.variables:
        each.ClearField("attribute_type")
    assert request.configuration == pb.Configuration(
        configuration_id="site",
        variables=[data],
        selectors=[
            pb.ConfigurationSelector(vendor_name="Example", model="Wallbox"),
            pb.ConfigurationSelector(),
            placed,
        ],
        base_report=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY,
        hold_refused=True,
    )


def test_configuration_is_read_from_a_file(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    """As show --json prints it; options go before it."""
    file = tmp_path / "site.json"
    file.write_text(json.dumps({"configurationId": "old", "description": "a", "holdRefused": True, "etag": "7"}))
    core.on("UpdateConfiguration", pb.Configuration(configuration_id="site"))

    assert citrine("configuration", "update", "site", "--file", str(file), "--accept-refused").code == 0

    [request] = core.requests("UpdateConfiguration")
    assert request.configuration.configuration_id == "site"
    assert list(request.update_mask.paths) == ["description", "hold_refused"]
    assert not request.configuration.hold_refused
    assert citrine("configuration", "update", "site").code == 2
    file.write_text('{"nothing": 1}')
    assert citrine("configuration", "add", "site", "--file", str(file)).code == 2
    assert citrine("configuration", "add", "site", "--file", "missing.json").code == 1


def test_configurations_are_listed_and_shown(citrine: Cli, core: ScriptedCore) -> None:
    found = pb.Configuration(configuration_id="site", selectors=[pb.ConfigurationSelector()], description="all sites")
    core.on("ListConfigurations", pb.ListConfigurationsResponse(configurations=[found]))
    core.on("GetConfiguration", found)

    assert citrine("configuration", "list").lines[1].split() == ["site", "0", "*", "all", "sites"]
    assert citrine("configuration", "show", "site").lines[0].split() == ["configuration", "site"]
    assert citrine("configuration", "show", "site", "--json").json["configurationId"] == "site"


def test_configuration_is_applied_to_one_station_or_all(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ApplyConfiguration", pb.ApplyConfigurationResponse(stations=7))

    ran = citrine("configuration", "apply", "site", "--reset")
    citrine("station", "apply", "CS-1", "--everything")
    selected = citrine("configuration", "apply", "--group", "fast")
    assert citrine("configuration", "apply").code == 2

    assert selected.lines == ["their configuration is being applied to 7 stations"]
    assert ran.lines == ["configuration site is being applied to 7 stations"]
    assert core.requests("ApplyConfiguration") == [
        pb.ApplyConfigurationRequest(configuration_id="site", may_reset=True),
        pb.ApplyConfigurationRequest(station_id="CS-1", everything=True),
        pb.ApplyConfigurationRequest(stations=StationSelector(groups=["fast"])),
    ]


def test_drift_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    report = pb.DriftReport(station_id="CS-1", configuration_id="site", drifted=True, entries=[ENTRY])
    core.on("GetDriftReport", report)
    core.on("ListDriftReports", pb.ListDriftReportsResponse(reports=[report]))
    row = ["OCPPCommCtrlr.HeartbeatInterval", "60", "300", "differs"]

    of_one = citrine("station", "drift", "CS-1").lines

    assert (of_one[0], of_one[2].split()) == ("configuration site: it differs", row)
    assert citrine("configuration", "drift").lines[1].split() == ["CS-1", *row]


def test_progress_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    result = pb.VariableResult(
        component=ENTRY.component,
        variable=ENTRY.variable,
        attribute=ENTRY.attribute,
        value="60",
        status=ocpp.SET_VARIABLE_STATUS_ENUM_REJECTED,
        problem="OutOfRange",
    )
    found = pb.Provisioning(station_id="CS-1", state=pb.PROVISIONING_STATE_HELD, results=[result])
    core.on("GetProvisioning", found)
    core.on("ListProvisionings", pb.ListProvisioningsResponse(provisionings=[found]))

    lines = citrine("station", "progress", "CS-1").lines

    assert lines[1].split() == ["state", "held"]
    assert lines[-1].split() == ["OCPPCommCtrlr.HeartbeatInterval", "60", "Rejected", "OutOfRange"]
    assert citrine("configuration", "progress").lines[1].split() == ["CS-1", "held"]
