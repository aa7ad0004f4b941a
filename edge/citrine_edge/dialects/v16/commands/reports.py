"""Reports of stations of OCPP 1.6: GetBaseReport and GetReport by one GetConfiguration of all keys."""

from collections.abc import Mapping, Sequence

from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Json, Outcome, Step
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.configuration_keys import COMPONENT, KEYS, Key, VariableName, key_of

__all__ = ["get_base_report", "get_report"]

PART = 50
"""Variables of one NotifyReport."""

MAX_CONNECTORS = 1000
"""Most connectors that are believed of one station."""

_CONNECTORS = VariableName(COMPONENT, "NumberOfConnectors")


def get_base_report(said: Fields) -> Dialogue:
    """Translate GetBaseReport; its NotifyReports say what the station answered."""
    base, request_id = said.pop("reportBase"), said.pop("requestId")
    if base == "SummaryInventory":
        raise said.refuse("reportBase", "a configuration of OCPP 1.6 says nothing of problems")
    said.end()
    answer = yield Step("GetConfiguration", {})
    found = _report(answer)
    if base == "ConfigurationInventory":
        found = [each for each in found if each["variableAttribute"][0]["mutability"] != "ReadOnly"]
    return _outcome(request_id, found)


def get_report(said: Fields) -> Dialogue:
    """Translate GetReport: all keys, of which those that were asked for are reported."""
    request_id = said.pop("requestId")
    asked = said.pop("componentVariable")
    if "componentCriteria" in said:
        raise said.refuse("componentCriteria", "components of OCPP 1.6 are not enabled, active or a problem")
    said.end()
    answer = yield Step("GetConfiguration", {})
    found = [each for each in _report(answer) if asked is None or any(_matches(each, one) for one in asked)]
    return _outcome(request_id, found)


def _outcome(request_id: int, found: Sequence[Json]) -> Outcome:
    if not found:
        return Outcome({"status": "EmptyResultSet"})

    def messages(time: str) -> Sequence[tuple[str, Json]]:
        parts = [found[start : start + PART] for start in range(0, len(found), PART)]
        return [
            (
                "NotifyReport",
                {
                    "requestId": request_id,
                    "generatedAt": time,
                    "seqNo": number,
                    "tbc": number + 1 < len(parts),
                    "reportData": part,
                },
            )
            for number, part in enumerate(parts)
        ]

    return Outcome({"status": "Accepted"}, messages)


def _report(answer: Json) -> list[Json]:
    """Return the variables that an answer to GetConfiguration says; of keys that are named twice, the first.

    The number of connectors says which EVSEs there are, which plans of charging need to know; and the key of displays
    says whether prices and costs can be shown to drivers.
    """
    found: dict[VariableName, Json] = {}
    for each in answer.get("configurationKey", ()):
        if not each["key"]:
            # It names nothing.
            continue
        key = key_of(each["key"])
        variables = [key.variable]
        if key.is_limit:
            variables.append(VariableName(COMPONENT, key.name))
        for variable in variables:
            found.setdefault(variable.folded, _data(key, variable, each))
    if found:
        for key in KEYS:
            if key.is_secret:
                # The station does not say of it: what is write-only is in no answer to GetConfiguration.
                found.setdefault(key.variable.folded, _data(key, key.variable, {"readonly": False}))
    number = min(_number(_value(found, _CONNECTORS)) or 0, MAX_CONNECTORS)
    shows_costs = _value(found, key_of("CustomDisplayCostAndPrice").variable)
    return [
        *found.values(),
        *(_available({"name": "EVSE", "evse": {"id": evse_id}}, "true") for evse_id in range(1, number + 1)),
        *(
            _available({"name": "TariffCostCtrlr"}, shows_costs, instance)
            for instance in ("Tariff", "Cost")
            if shows_costs
        ),
    ]


def _value(found: Mapping[VariableName, Json], variable: VariableName) -> str | None:
    """Return the value of a variable that a station reports."""
    data = found.get(variable.folded)
    return None if data is None else data["variableAttribute"][0].get("value")


def _available(component: Json, value: str, instance: str = "") -> Json:
    """Return the report of a component that is there, or is not."""
    return {
        "component": component,
        "variable": {"name": "Available", **({"instance": instance} if instance else {})},
        "variableAttribute": [{"type": "Actual", "value": value, "mutability": "ReadOnly"}],
        "variableCharacteristics": {"dataType": "boolean", "supportsMonitoring": False},
    }


def _data(key: Key, variable: VariableName, said: Json) -> Json:
    attribute: Json = {"type": "Actual", "mutability": "ReadOnly" if said["readonly"] else "ReadWrite"}
    characteristics: Json = {"dataType": key.data_type, "supportsMonitoring": False}
    if key.unit:
        characteristics["unit"] = key.unit
    if key.max_limit is not None:
        characteristics["maxLimit"] = key.max_limit
    value = said.get("value")
    if key.is_secret:
        attribute["mutability"] = "WriteOnly"
    elif key.is_limit and variable == key.variable:
        limit = _number(value)
        if limit is not None:
            characteristics["maxLimit"] = limit
    elif value is not None:
        attribute["value"] = key.to_ours(value)
    named: Json = {"name": variable.name}
    if variable.instance:
        named["instance"] = variable.instance
    return {
        "component": {"name": variable.component},
        "variable": named,
        "variableAttribute": [attribute],
        "variableCharacteristics": characteristics,
    }


def _number(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _matches(data: Json, asked: Json) -> bool:
    component, variable = asked["component"], asked.get("variable")
    if component.get("instance") or component.get("evse", data["component"].get("evse")) != data["component"].get(
        "evse"
    ):
        return False
    if component["name"].lower() != data["component"]["name"].lower():
        return False
    if variable is None:
        return True
    same_instance = variable.get("instance", data["variable"].get("instance", "")).lower() == (
        data["variable"].get("instance", "").lower()
    )
    found: bool = same_instance and variable["name"].lower() == data["variable"]["name"].lower()
    return found
