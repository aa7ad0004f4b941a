"""Variables of stations of OCPP 1.6: GetVariables and SetVariables by GetConfiguration and ChangeConfiguration."""

from collections.abc import Generator, Sequence
from typing import Any

from citrine_edge.dialects.exchanges import CallRefused
from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Json, Outcome, Step, status_info
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.configuration_keys import Key, VariableName, is_known_component, key_of_variable
from citrine_edge.ocppj import Code, RpcError

__all__ = ["get_variables", "set_variables"]

MAX_KEYS = "GetConfigurationMaxKeys"

MAX_VALUE = 500
"""Characters of a value (CiString500Type)."""

CHANGES = {
    "Accepted": "Accepted",
    "Rejected": "Rejected",
    "RebootRequired": "RebootRequired",
    "NotSupported": "UnknownVariable",
}
"""Statuses of ChangeConfiguration, and of SetVariables."""

_ACTUAL = "Actual"


def get_variables(said: Fields) -> Dialogue:
    """Translate GetVariables.

    A station is asked for as many keys at a time as it accepts. Before it is asked for several, it is asked how many.
    """
    asked = said.pop("getVariableData")
    said.end()
    keys = [_key(each) for each in asked]
    wanted = {key.name.lower(): key.name for key in keys if isinstance(key, Key) and not key.is_secret}
    values: dict[str, str | None] = {}

    def results() -> Json:
        return {"getVariableResult": [_read(each, key, values) for each, key in zip(asked, keys, strict=True)]}

    yield from _get_configuration(list(wanted.values()), values)
    return Outcome(results())


def set_variables(said: Fields) -> Dialogue:
    """Translate SetVariables: a ChangeConfiguration for each variable, in their order.

    A station that answers CALLERROR to one is sent the others nevertheless.
    """
    asked = said.pop("setVariableData")
    said.end()
    changes = [_change(index, each) for index, each in enumerate(asked)]
    results: list[Json] = []
    for each, change in zip(asked, changes, strict=True):
        if isinstance(change, str):
            results.append(_result(each, {"attributeStatus": change}))
            continue
        try:
            partial = {"setVariableResult": list(results)} if results else None
            answer = yield Step("ChangeConfiguration", change, partial)
        except CallRefused as refused:
            info = status_info(refused.error.code, refused.error.description)["statusInfo"]
            results.append(_result(each, {"attributeStatus": "Rejected", "attributeStatusInfo": info}))
        else:
            results.append(_result(each, {"attributeStatus": CHANGES[answer["status"]]}))
    return Outcome({"setVariableResult": results})


def _get_configuration(names: Sequence[str], values: dict[str, str | None]) -> Generator[Step, Json, None]:
    """Ask for keys, and add the values of those that the station knows.

    A key that an answer says nothing of is asked for again, as long as each answer says something.
    """
    most = len(names)
    left = list(names)
    if most > 1:
        answer = yield Step("GetConfiguration", {"key": [MAX_KEYS]})
        found: dict[str, str | None] = {}
        _read_values(answer, found)
        text = found.get(MAX_KEYS.lower()) or ""
        if text.isascii() and text.isdecimal() and int(text):
            most = int(text)
        if MAX_KEYS in left and MAX_KEYS.lower() in found:
            values |= found
            left.remove(MAX_KEYS)
    while left:
        asked = left[:most]
        answer = yield Step("GetConfiguration", {"key": asked})
        said = _read_values(answer, values)
        rest = [name for name in asked if name.lower() not in said]
        # A station that says nothing of what it is asked for would be asked for ever.
        left = left[most:] + (rest if len(rest) < len(asked) else [])


def _read_values(answer: Json, values: dict[str, str | None]) -> set[str]:
    """Add the values in an answer, and return the keys that it says something of."""
    said = {name.lower() for name in answer.get("unknownKey", ())}
    for each in answer.get("configurationKey", ()):
        values[each["key"].lower()] = each.get("value")
        said.add(each["key"].lower())
    return said


def _key(data: Json) -> Key | str:
    """Return the key of a variable, or the status that says why it has none."""
    component, variable = data["component"], data["variable"]
    if not is_known_component(component["name"]) or component.get("evse") or component.get("instance"):
        return "UnknownComponent"
    name = VariableName(component["name"], variable["name"], variable.get("instance", ""))
    key = key_of_variable(name)
    if key is None:
        return "UnknownVariable"
    return key if data.get("attributeType", _ACTUAL) == _ACTUAL else "NotSupportedAttributeType"


def _read(data: Json, key: Key | str, values: dict[str, str | None]) -> Json:
    if isinstance(key, str):
        return _result(data, {"attributeStatus": key})
    if key.is_secret:
        # B06.FR.09: the value of a write-only variable is not reported.
        return _result(data, {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "WriteOnly"}})
    name = key.name.lower()
    if name not in values:
        return _result(data, {"attributeStatus": "UnknownVariable"})
    return _result(data, {"attributeStatus": "Accepted", "attributeValue": key.to_ours(values[name] or "")})


def _result(data: Json, said: Json) -> Json:
    names = ("component", "variable", "attributeType")
    return {**{name: data[name] for name in names if name in data}, **said}


def _change(index: int, data: Json) -> Json | str:
    """Return the payload of ChangeConfiguration, or the status that says why there is none."""
    key = _key(data)
    if isinstance(key, str):
        return key
    value: Any = data["attributeValue"]
    path = f"/setVariableData/{index}/attributeValue"
    if key.is_secret:
        # As hexadecimal digits (whitepaper, 7.2). Stations that take the digits for the password may do so, too.
        digits = value.encode(errors="replace").hex()
        if key.max_limit is not None and len(digits) > 2 * key.max_limit:
            problem = f"{path} is longer than {key.max_limit} bytes, which is all that {key.name} takes"
            raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, problem, path=path)
        return {"key": key.name, "value": digits}
    value = key.to_theirs(value)
    if len(value) > MAX_VALUE:
        problem = f"{path} is longer than {MAX_VALUE} characters"
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, problem, path=path)
    return {"key": key.name, "value": value}
