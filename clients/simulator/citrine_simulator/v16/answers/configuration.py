"""GetConfiguration and ChangeConfiguration: the keys of a station (chapters 5.3 and 5.8)."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.answers.provisioning import ProvisioningAnswers
from citrine_simulator.connection import Answer
from citrine_simulator.errors import CallRefusedError
from citrine_simulator.parts import Parts
from citrine_simulator.v16.keys import AUTHORIZATION_KEY, Key, keys_of
from citrine_simulator.variables import Variable

__all__ = ["ConfigurationAnswers16"]

MOST_KEYS = "DeviceDataCtrlr.ItemsPerMessage[GetVariables]"
"""The variable of GetConfigurationMaxKeys."""

KEY_BYTES = (16, 20)
"""Length of a password, of which AuthorizationKey is the hexadecimal text (whitepaper, A01)."""


class ConfigurationAnswers16:
    """Reads and changes the variables behind the keys."""

    def __init__(self, parts: Parts, provisioning: ProvisioningAnswers) -> None:
        self._parts = parts
        self._provisioning = provisioning
        self._keys = {key.name.lower(): key for key in keys_of(parts.config)}

    @answers("GetConfiguration")
    async def get_configuration(self, payload: dict[str, Any]) -> Answer:
        """Report some keys, or all."""
        names = payload.get("key") or [key.name for key in self._keys.values()]
        if "key" in payload and len(names) > self._parts.model.integer(MOST_KEYS):
            raise CallRefusedError("OccurrenceConstraintViolation", "more keys than GetConfigurationMaxKeys")
        known = [self._keys[name.lower()] for name in names if name.lower() in self._keys]
        unknown = [name for name in names if name.lower() not in self._keys]
        answer: dict[str, Any] = {"configurationKey": [self._entry(key) for key in known]}
        return Answer(answer | ({"unknownKey": unknown} if unknown else {}))

    @answers("ChangeConfiguration")
    async def change_configuration(self, payload: dict[str, Any]) -> Answer:
        """Set a key; it takes effect at once and survives a power loss."""
        key = self._keys.get(payload["key"].lower())
        if key is None:
            return Answer({"status": "NotSupported"})
        value = self._value(key, payload["value"])
        if value is None:
            return Answer({"status": "Rejected"})
        answer = await self._provisioning.set_variables({"setVariableData": [key.names | {"attributeValue": value}]})
        return Answer({"status": answer.payload["setVariableResult"][0]["attributeStatus"]}, answer.then)

    def _variable(self, key: Key) -> Variable:
        found = self._parts.model.find(key.names)
        assert isinstance(found, Variable), found
        return found

    def _entry(self, key: Key) -> dict[str, Any]:
        variable = self._variable(key)
        entry: dict[str, Any] = {"key": key.name, "readonly": variable.mutability == "ReadOnly"}
        # Passwords can't be read.
        return entry if variable.mutability == "WriteOnly" else entry | {"value": variable.value[:500]}

    def _value(self, key: Key, text: str) -> str | None:
        """Return the value of the variable for that of a key, or None if it can't be one."""
        if key.name == AUTHORIZATION_KEY:
            return _password(text)
        return text.lower() if self._variable(key).data_type == "boolean" else text


def _password(text: str) -> str | None:
    """Return the password of an AuthorizationKey, or None if it is none."""
    try:
        password = bytes.fromhex(text).decode("ascii")
    except ValueError:
        return None
    return password if KEY_BYTES[0] <= len(password) <= KEY_BYTES[1] else None
