from typing import Any

import pytest

from citrine_simulator.config import StationConfig
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import UsageError
from citrine_simulator.schemas import Schemas
from citrine_simulator.variables import station_variables


@pytest.fixture
def model() -> DeviceModel:
    return DeviceModel(station_variables(StationConfig(station_id="CS-1", evses=2)))


def data(component: str, variable: str, instance: str | None = None, **more: Any) -> dict[str, Any]:
    named = {"name": variable} if instance is None else {"name": variable, "instance": instance}
    return {"component": {"name": component}, "variable": named, **more}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param(data("OCPPCommCtrlr", "HeartbeatInterval"), "Accepted", id="known"),
        pytest.param(data("ocppcommctrlr", "heartbeatINTERVAL"), "Accepted", id="other case"),
        pytest.param(data("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"), "Accepted", id="instance"),
        pytest.param(data("OCPPCommCtrlr", "MessageAttempts"), "UnknownVariable", id="B06.FR.15 no instance"),
        pytest.param(data("Toaster", "Heat"), "UnknownComponent", id="B06.FR.06"),
        pytest.param(data("OCPPCommCtrlr", "Heat"), "UnknownVariable", id="B06.FR.07"),
        pytest.param(
            data("OCPPCommCtrlr", "HeartbeatInterval", attributeType="Target"),
            "NotSupportedAttributeType",
            id="B06.FR.08",
        ),
        pytest.param(data("SecurityCtrlr", "BasicAuthPassword"), "Rejected", id="B06.FR.09"),
    ],
)
def test_variables_are_read(model: DeviceModel, asked: dict[str, Any], status: str) -> None:
    result = model.get(asked)

    assert result["attributeStatus"] == status
    assert ("attributeValue" in result) == (status == "Accepted")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param(data("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="60"), "Accepted", id="integer"),
        pytest.param(data("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="x"), "Rejected", id="B05.FR.07"),
        pytest.param(data("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="0"), "Rejected", id="B05.FR.08"),
        pytest.param(data("OCPPCommCtrlr", "ActiveNetworkProfile", attributeValue="2"), "Rejected", id="B05.FR.09"),
        pytest.param(data("Toaster", "Heat", attributeValue="1"), "UnknownComponent", id="B05.FR.04"),
        pytest.param(data("OCPPCommCtrlr", "Heat", attributeValue="1"), "UnknownVariable", id="B05.FR.05"),
        pytest.param(data("AuthCtrlr", "Enabled", attributeValue="true"), "Accepted", id="boolean"),
        pytest.param(data("AuthCtrlr", "Enabled", attributeValue="yes"), "Rejected", id="no boolean"),
        pytest.param(data("TxCtrlr", "TxStartPoint", attributeValue="Authorized"), "Accepted", id="member"),
        pytest.param(data("TxCtrlr", "TxStartPoint", attributeValue="Nowhere"), "Rejected", id="no member"),
        pytest.param(data("SecurityCtrlr", "BasicAuthPassword", attributeValue="short"), "Rejected", id="too short"),
        pytest.param(
            data("OCPPCommCtrlr", "NetworkConfigurationPriority", attributeValue="1"), "RebootRequired", id="reboot"
        ),
    ],
)
def test_variables_are_set(model: DeviceModel, asked: dict[str, Any], status: str) -> None:
    assert model.set(asked)["attributeStatus"] == status


def test_a_set_value_is_read_and_told(model: DeviceModel) -> None:
    told: list[str] = []
    model.on_change("OCPPCommCtrlr.HeartbeatInterval", told.append)

    model.set(data("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="60"))

    assert model.integer("OCPPCommCtrlr.HeartbeatInterval") == 60
    assert told == ["60"]


def test_a_result_names_the_attribute_it_is_about(model: DeviceModel) -> None:
    """B05.FR.12 and B06.FR.11: without one, Actual."""
    asked = data("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="60")

    assert model.get(asked)["attributeType"] == "Actual"
    assert model.set(asked)["attributeType"] == "Actual"


def test_B07_FR_07_08_09_each_report_has_its_variables(model: DeviceModel) -> None:
    full, configuration, summary = (
        model.report(base) or [] for base in ("FullInventory", "ConfigurationInventory", "SummaryInventory")
    )

    assert len(full) == len(model) > 60
    assert all(one["variableAttribute"][0]["mutability"] != "ReadOnly" for one in configuration)
    assert {one["variable"]["name"] for one in summary} == {"AvailabilityState"}
    assert model.report("OtherInventory") is None


@pytest.mark.parametrize(
    ("chosen", "criteria", "found"),
    [
        pytest.param({"component": {"name": "evse"}}, [], {("EVSE", 1), ("EVSE", 2)}, id="any EVSE"),
        pytest.param(
            {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}},
            ["Available"],
            {("EVSE", 1)},
            id="available",
        ),
        pytest.param({"component": {"name": "EVSE"}}, ["Problem"], set(), id="problem"),
        pytest.param({"component": {"name": "ClockCtrlr"}}, ["Problem", "Active"], {("ClockCtrlr", None)}, id="any"),
        pytest.param({"component": {"name": "Toaster"}}, [], set(), id="unknown"),
    ],
)
def test_B08_a_custom_report_has_what_was_chosen(
    model: DeviceModel, chosen: dict[str, Any], criteria: list[str], found: set[tuple[str, int | None]]
) -> None:
    report = model.custom_report([chosen], criteria)

    components = [one["component"] for one in report]
    assert {(one["name"], one.get("evse", {}).get("id")) for one in components} == found


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_report_fits_its_schema_and_hides_the_password(
    model: DeviceModel, schemas: dict[str, Schemas], version: str
) -> None:
    model.assign("SecurityCtrlr.BasicAuthPassword", "a-secret-of-the-station")
    data = model.report("FullInventory")
    report = {"requestId": 1, "generatedAt": "2026-01-01T12:00:00Z", "seqNo": 0, "reportData": data}

    assert schemas[version].check_request("NotifyReport", report) is None
    assert "a-secret-of-the-station" not in str(report)


def test_what_the_csms_has_set_can_be_restored(model: DeviceModel) -> None:
    model.set(data("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent", attributeValue="7"))
    other = DeviceModel(station_variables(StationConfig(station_id="CS-1")))

    other.restore({**model.changed(), "Toaster.Heat": "9"})

    assert other.integer("OCPPCommCtrlr.MessageAttempts[TransactionEvent]") == 7


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        pytest.param("Toaster.Heat", "1", "no variable Toaster.Heat", id="unknown"),
        pytest.param("not a name", "1", "no variable", id="no name"),
        pytest.param("OCPPCommCtrlr.HeartbeatInterval", "soon", "InvalidValue", id="wrong value"),
    ],
)
def test_first_values_are_checked(model: DeviceModel, name: str, value: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        model.override({name: value})


def test_lists_and_flags_are_read_by_name(model: DeviceModel) -> None:
    assert model.members("TxCtrlr.TxStartPoint") == ["EVConnected"]
    assert model.flag("AuthCtrlr.Enabled") is True
