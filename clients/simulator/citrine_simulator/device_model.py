"""The device model of one station, for GetVariables, SetVariables and NotifyReport."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from citrine_simulator.clock import parse_time
from citrine_simulator.errors import UsageError
from citrine_simulator.variables import Variable

__all__ = ["DeviceModel"]

Key = tuple[str, str, int | None, int | None, str, str]
"""Component, its instance, EVSE, connector, variable, its instance. Names are in lower case."""

Change = Callable[[str], None]

Guard = Callable[[str], str | None]
"""Returns None for a value that the CSMS may set, or a reasonCode."""

Watcher = Callable[[Variable, str], None]
"""Called with a changed variable and its previous value."""

_SHORT = re.compile(r"(?P<component>\w+)\.(?P<name>\w+)(?:\[(?P<instance>[^]]+)])?")


class DeviceModel:
    """Variables by component and name. Names are case-insensitive, like identifierStrings."""

    def __init__(self, variables: Iterable[Variable]) -> None:
        """Store the variables. A later one replaces an earlier one with the same key."""
        self._variables = {_key_of(variable): variable for variable in variables}
        self._components = {key[:4] for key in self._variables}
        self._listeners: dict[Key, list[Change]] = {}
        self._guards: dict[Key, Guard] = {}
        self._watchers: list[Watcher] = []

    def __len__(self) -> int:
        return len(self._variables)

    def text(self, name: str) -> str:
        """Return the value of ``Component.Variable[Instance]``.

        Raises:
            UsageError: When the variable does not exist.
        """
        return self._named(name).value

    def integer(self, name: str) -> int:
        """Return the value as a number; see :meth:`text`."""
        return int(self.text(name))

    def flag(self, name: str) -> bool:
        """Return the value as a boolean; see :meth:`text`."""
        return self.text(name).lower() == "true"

    def members(self, name: str) -> list[str]:
        """Return the value as a list; see :meth:`text`."""
        return [member for member in self.text(name).split(",") if member]

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values that the variable may have; see :meth:`text`."""
        return self._named(name).values

    def assign(self, name: str, value: str, evse_id: int | None = None, connector_id: int | None = None) -> None:
        """Set a value by the station itself, regardless of mutability; see :meth:`text`."""
        self._assign(self._named(name, evse_id, connector_id), value)

    def override(self, values: Mapping[str, str]) -> None:
        """Set initial values, by ``Component.Variable[Instance]``.

        Raises:
            UsageError: When a variable does not exist or a value is invalid.
        """
        for name, value in values.items():
            variable = self._named(name)
            problem = _problem(variable, value)
            if problem is not None:
                raise UsageError(f"{name} cannot be {value!r}: {problem}")
            variable.value = value

    def on_change(self, name: str, change: Change) -> None:
        """Register a callback, called with the value each time the CSMS sets this variable."""
        self._listeners.setdefault(_key_of(self._named(name)), []).append(change)

    def guard(self, name: str, guard: Guard) -> None:
        """Register what says whether the CSMS may set a value of this variable."""
        self._guards[_key_of(self._named(name))] = guard

    def watch(self, watcher: Watcher) -> None:
        """Register a callback for each change of a value, by the CSMS or the station."""
        self._watchers.append(watcher)

    def find(self, data: Mapping[str, Any]) -> Variable | str:
        """Return the variable named by `component` and `variable`, or the attributeStatus if it does not exist."""
        component, variable = data["component"], data["variable"]
        evse = component.get("evse", {})
        key = _key(
            component["name"],
            component.get("instance", ""),
            evse.get("id"),
            evse.get("connectorId"),
            variable["name"],
            variable.get("instance", ""),
        )
        if key[:4] not in self._components:
            return "UnknownComponent"
        if key not in self._variables:
            return "UnknownVariable"
        if data.get("attributeType", "Actual") != "Actual":
            return "NotSupportedAttributeType"
        return self._variables[key]

    def get(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the GetVariableResult for a GetVariableData (B06)."""
        result = {
            "component": data["component"],
            "variable": data["variable"],
            # B06.FR.03, B06.FR.11
            "attributeType": data.get("attributeType", "Actual"),
        }
        found = self.find(data)
        if isinstance(found, str):
            return {**result, "attributeStatus": found}
        if found.mutability == "WriteOnly":
            # B06.FR.09
            return {**result, "attributeStatus": "Rejected"}
        return {**result, "attributeStatus": "Accepted", "attributeValue": found.value}

    def set(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Set a value and return the SetVariableResult for a SetVariableData (B05)."""
        result = {
            "component": data["component"],
            "variable": data["variable"],
            # B05.FR.03, B05.FR.12
            "attributeType": data.get("attributeType", "Actual"),
        }
        found = self.find(data)
        if isinstance(found, str):
            return {**result, "attributeStatus": found}
        value = data["attributeValue"]
        if found.mutability == "ReadOnly":
            return {**result, "attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "ReadOnly"}}
        problem = _problem(found, value) or self._guards.get(_key_of(found), _anything)(value)
        if problem is not None:
            # B05.FR.07, B05.FR.08
            return {**result, "attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": problem}}
        self._assign(found, value)
        for change in self._listeners.get(_key_of(found), ()):
            change(value)
        return {**result, "attributeStatus": "RebootRequired" if found.reboot_required else "Accepted"}

    def report(self, base: str) -> list[dict[str, Any]] | None:
        """Return the ReportData of a report base, or None for an unknown base (B07)."""
        chosen: Iterator[Variable]
        match base:
            case "FullInventory":
                chosen = iter(self._variables.values())
            case "ConfigurationInventory":
                chosen = (one for one in self._variables.values() if one.mutability != "ReadOnly")
            case "SummaryInventory":
                chosen = (one for one in self._variables.values() if one.name == "AvailabilityState")
            case _:
                return None
        return [_report_data(variable) for variable in chosen]

    def custom_report(
        self, chosen: Sequence[Mapping[str, Any]] = (), criteria: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """Return the ReportData of the chosen components and variables that meet a criterion (B08).

        Args:
            chosen: componentVariable of GetReport. Empty: all.
            criteria: componentCriteria of GetReport; one must be met (B08.FR.13). Empty: no condition.
        """
        return [
            _report_data(variable)
            for key, variable in self._variables.items()
            if (not chosen or any(_is_chosen(key, one) for one in chosen))
            and (not criteria or any(self._meets(key, criterion) for criterion in criteria))
        ]

    def changed(self) -> dict[str, str]:
        """Return the values that a CSMS can set, by short name, to store them over a power loss."""
        return {
            _short(variable): variable.value
            for variable in self._variables.values()
            if variable.mutability != "ReadOnly" and variable.evse_id is None
        }

    def restore(self, values: Mapping[str, str]) -> None:
        """Restore values from :meth:`changed`. Unknown names, of another OCPP version, are ignored."""
        known = {_short(variable): variable for variable in self._variables.values()}
        for name, value in values.items():
            if name in known:
                known[name].value = value

    def _meets(self, key: Key, criterion: str) -> bool:
        """Return whether the criterion's variable is true or, except for Problem, missing (B08.FR.07..10)."""
        found = self._variables.get((*key[:4], criterion.lower(), ""))
        return criterion != "Problem" if found is None else found.value == "true"

    def _assign(self, variable: Variable, value: str) -> None:
        before, variable.value = variable.value, value
        if value != before:
            for watcher in self._watchers:
                watcher(variable, before)

    def _named(self, name: str, evse_id: int | None = None, connector_id: int | None = None) -> Variable:
        match = _SHORT.fullmatch(name)
        if match is not None:
            key = _key(match["component"], "", evse_id, connector_id, match["name"], match["instance"] or "")
            if key in self._variables:
                return self._variables[key]
        raise UsageError(f"there is no variable {name}")


def _key(
    component: str, component_instance: str, evse_id: int | None, connector_id: int | None, name: str, instance: str
) -> Key:
    return component.lower(), component_instance.lower(), evse_id, connector_id, name.lower(), instance.lower()


def _key_of(variable: Variable) -> Key:
    return _key(variable.component, "", variable.evse_id, variable.connector_id, variable.name, variable.instance or "")


def _is_chosen(key: Key, chosen: Mapping[str, Any]) -> bool:
    """Return whether an element of componentVariable names a variable. Omitted parts match any value."""
    component, variable = chosen["component"], chosen.get("variable", {})
    evse = component.get("evse", {})
    wanted = (
        component["name"],
        component.get("instance"),
        evse.get("id"),
        evse.get("connectorId"),
        variable.get("name"),
        variable.get("instance"),
    )
    return all(
        one is None or (one.lower() if isinstance(one, str) else one) == own
        for one, own in zip(wanted, key, strict=True)
    )


def _short(variable: Variable) -> str:
    instance = "" if variable.instance is None else f"[{variable.instance}]"
    return f"{variable.component}.{variable.name}{instance}"


def _problem(variable: Variable, value: str) -> str | None:
    """Return the reasonCode why a value is invalid for a variable, or None."""
    match variable.data_type:
        case "integer" | "decimal":
            try:
                number = int(value) if variable.data_type == "integer" else float(value)
            except ValueError:
                return "InvalidValue"
            return None if _inside(variable, number) else "ValueOutOfRange"
        case "boolean":
            return None if value in ("true", "false") else "InvalidValue"
        case "OptionList":
            return None if not variable.values or value in variable.values else "InvalidValue"
        case "MemberList" | "SequenceList":
            known = not variable.values or all(one in variable.values for one in value.split(",") if one)
            return None if known else "InvalidValue"
        case "dateTime":
            try:
                parse_time(value)
            except ValueError:
                return "InvalidValue"
            return None
    return None if _inside(variable, len(value)) else "ValueOutOfRange"


def _anything(value: str) -> None:
    """Allow any value."""


def _inside(variable: Variable, number: float) -> bool:
    low = variable.minimum is None or number >= variable.minimum
    return low and (variable.maximum is None or number <= variable.maximum)


def _report_data(variable: Variable) -> dict[str, Any]:
    component: dict[str, Any] = {"name": variable.component}
    if variable.evse_id is not None:
        component["evse"] = {"id": variable.evse_id}
        if variable.connector_id is not None:
            component["evse"]["connectorId"] = variable.connector_id
    characteristics: dict[str, Any] = {"dataType": variable.data_type, "supportsMonitoring": True}
    optional = {
        "unit": variable.unit,
        "minLimit": variable.minimum,
        "maxLimit": variable.maximum,
        "valuesList": ",".join(variable.values) or None,
    }
    attribute: dict[str, Any] = {"type": "Actual", "mutability": variable.mutability}
    if variable.mutability != "WriteOnly":
        attribute["value"] = variable.value
    name: dict[str, Any] = {"name": variable.name}
    if variable.instance is not None:
        name["instance"] = variable.instance
    return {
        "component": component,
        "variable": name,
        "variableAttribute": [attribute],
        "variableCharacteristics": characteristics
        | {key: value for key, value in optional.items() if value is not None},
    }
