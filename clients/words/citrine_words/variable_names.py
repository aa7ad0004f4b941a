"""Names of variables as people write them: `Component[instance]@evse/connector.Variable[instance]:Attribute`."""

import re
from typing import NamedTuple

from citrine.ocpp.v2.provisioning_pb2 import (
    ATTRIBUTE_ENUM_ACTUAL,
    ATTRIBUTE_ENUM_MAX_SET,
    ATTRIBUTE_ENUM_MIN_SET,
    ATTRIBUTE_ENUM_TARGET,
    AttributeEnum,
)
from citrine.ocpp.v2.types_pb2 import EVSE, Component, ComponentVariable, Variable
from citrine_words.errors import WrongText

__all__ = ["VariableName", "parse_component", "parse_name", "write_name"]

_COMPONENT = r"(?P<component>[^\[\]@.]+)(?:\[(?P<instance>[^\]]+)\])?(?:@(?P<evse>\d+)(?:/(?P<connector>\d+))?)?"
_VARIABLE = r"(?P<variable>[^\[\]:]+)(?:\[(?P<variable_instance>[^\]]+)\])?"
_WHOLE = re.compile(rf"{_COMPONENT}\.{_VARIABLE}(?::(?P<attribute>\w+))?")
_PART = re.compile(rf"{_COMPONENT}(?:\.{_VARIABLE})?")

_ATTRIBUTES: dict[str, AttributeEnum.ValueType] = {
    "actual": ATTRIBUTE_ENUM_ACTUAL,
    "target": ATTRIBUTE_ENUM_TARGET,
    "minset": ATTRIBUTE_ENUM_MIN_SET,
    "maxset": ATTRIBUTE_ENUM_MAX_SET,
}


class VariableName(NamedTuple):
    """The name of an attribute of a variable."""

    component: Component
    variable: Variable
    attribute: AttributeEnum.ValueType | None
    """None: not given, which means Actual."""


def parse_name(text: str) -> VariableName:
    """Parse the name of an attribute of a variable.

    Raises:
        WrongText: When the name is malformed.
    """
    found = _WHOLE.fullmatch(text)
    attribute = None
    if found is not None and found["attribute"]:
        attribute = _ATTRIBUTES.get(found["attribute"].lower())
        if attribute is None:
            raise WrongText(f"{found['attribute']!r} is not an attribute: expected Actual, Target, MinSet or MaxSet")
    if found is None:
        raise WrongText(
            f"{text!r} names no variable: expected COMPONENT.VARIABLE, "
            'e.g. "OCPPCommCtrlr.HeartbeatInterval" or "EVSE@1.Power[max]:Target"'
        )
    return VariableName(_component(found), _variable(found), attribute)


def parse_component(text: str) -> ComponentVariable:
    """Parse the name of a component, or of a component and variable.

    Raises:
        WrongText: When the name is malformed.
    """
    found = _PART.fullmatch(text)
    if found is None:
        raise WrongText(f"{text!r} names no component: expected COMPONENT or COMPONENT.VARIABLE, e.g. EVSE@1.Power")
    return ComponentVariable(component=_component(found), variable=_variable(found) if found["variable"] else None)


def write_name(
    component: Component, variable: Variable, attribute: AttributeEnum.ValueType = AttributeEnum.ATTRIBUTE_ENUM_ACTUAL
) -> str:
    """Return the name of an attribute in the form of `parse_name`, without Actual."""
    text = component.name + (f"[{component.instance}]" if component.instance else "")
    if component.HasField("evse"):
        evse = component.evse
        text += f"@{evse.id}" + (f"/{evse.connector_id}" if evse.HasField("connector_id") else "")
    text += f".{variable.name}" + (f"[{variable.instance}]" if variable.instance else "")
    names = {
        number: name for name, number in zip(("", "Target", "MinSet", "MaxSet"), _ATTRIBUTES.values(), strict=True)
    }
    suffix = names.get(attribute, "")
    return f"{text}:{suffix}" if suffix else text


def _component(found: re.Match[str]) -> Component:
    component = Component(name=found["component"], instance=found["instance"])
    if found["evse"]:
        connector = found["connector"]
        component.evse.CopyFrom(EVSE(id=int(found["evse"]), connector_id=int(connector) if connector else None))
    return component


def _variable(found: re.Match[str]) -> Variable:
    return Variable(name=found["variable"], instance=found["variable_instance"])
