"""Translation of the variables that stations report to rows of `variables`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from citrine.ocpp.secrets import SECRET_VARIABLES
from citrine.ocpp.v2.provisioning_pb2 import (
    ATTRIBUTE_ENUM_ACTUAL,
    MUTABILITY_ENUM_READ_WRITE,
    MUTABILITY_ENUM_WRITE_ONLY,
    AttributeEnum,
    NotifyReportRequest,
    SetVariablesRequest,
)
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.blocks.provisioning.repository import VariableKey
from citrine_core.dispatch import Call
from citrine_core.errors import InvalidArgument

__all__ = ["check_no_repetition", "key_of", "reported_rows", "storable"]


def key_of(component: Component, variable: Variable, attribute: AttributeEnum.ValueType) -> VariableKey:
    """Return the key of an attribute; without a type it is Actual."""
    evse = component.evse
    has_evse = component.HasField("evse")
    return VariableKey(
        component.name,
        component.instance,
        evse.id if has_evse else -1,
        evse.connector_id if has_evse and evse.HasField("connector_id") else -1,
        variable.name,
        variable.instance,
        attribute or ATTRIBUTE_ENUM_ACTUAL,
    )


def check_no_repetition(request: SetVariablesRequest) -> None:
    """Refuse a request that sets one attribute twice (B05.FR.13).

    Raises:
        InvalidArgument: When an attribute occurs twice, in any spelling.
    """
    seen: set[VariableKey] = set()
    for position, data in enumerate(request.set_variable_data):
        key = key_of(data.component, data.variable, data.attribute_type).folded()
        if key in seen:
            raise InvalidArgument(f"request.setVariableData.{position}", "sets what an element before sets (B05.FR.13)")
        seen.add(key)


def storable(variable: str, value: str | None, mutability: int | None) -> str | None:
    """Return the value to store: None if it is a secret."""
    if mutability == MUTABILITY_ENUM_WRITE_ONLY or variable.lower() in SECRET_VARIABLES:
        return None
    return value


def reported_rows(call: Call[NotifyReportRequest], now: datetime) -> Iterator[dict[str, Any]]:
    """Yield a row of `variables` for each attribute of a part of a report."""
    for data in call.message.report_data:
        characteristics = (
            data.variable_characteristics.SerializeToString() if data.HasField("variable_characteristics") else None
        )
        key = key_of(data.component, data.variable, ATTRIBUTE_ENUM_ACTUAL)
        names = key.name_key
        for attribute in data.variable_attribute:
            value = attribute.value if attribute.HasField("value") else None
            yield {
                "tenant_id": call.tenant_id,
                "station_id": call.station_id,
                "name_key": names,
                "component": key.component,
                "component_instance": key.component_instance,
                "evse_id": key.evse_id,
                "connector_id": key.connector_id,
                "variable": key.variable,
                "variable_instance": key.variable_instance,
                "attribute": attribute.type or ATTRIBUTE_ENUM_ACTUAL,
                "value": storable(key.variable, value, attribute.mutability),
                # An absent field has the default of VariableAttributeType.
                "mutability": attribute.mutability or MUTABILITY_ENUM_READ_WRITE,
                "persistent": attribute.persistent,
                "constant": attribute.constant,
                "characteristics": characteristics,
                "update_time": now,
            }
