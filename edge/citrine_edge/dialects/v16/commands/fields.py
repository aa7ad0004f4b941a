"""The properties of a canonical request: what no translation reads is refused by name, never dropped."""

from collections.abc import Mapping
from typing import Any

from citrine_edge.dialects.dialect import UnsupportedAction
from citrine_edge.ocppj import Code, RpcError

__all__ = ["Fields"]

_LARGEST = 2**31 - 1


class Fields:
    """An object of a canonical request, of which a translation reads one property after another."""

    def __init__(self, action: str, payload: Mapping[str, Any], path: str = "") -> None:
        self.action = action
        self.path = path
        self._left = dict(payload)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def get(self, name: str) -> Any:
        """Return a property; None if it is not there."""
        return self._left.get(name)

    def pop(self, name: str) -> Any:
        """Remove a property and return it; None if it is not there."""
        return self._left.pop(name, None)

    def pop_fields(self, name: str) -> "Fields | None":
        """Remove a property that is an object and return it; None if it is not there."""
        found = self._left.pop(name, None)
        return None if found is None else Fields(self.action, found, f"{self.path}/{name}")

    def pop_list(self, name: str) -> "list[Fields]":
        """Remove a property that is an array of objects and return them."""
        items = self._left.pop(name, None) or ()
        return [Fields(self.action, each, f"{self.path}/{name}/{index}") for index, each in enumerate(items)]

    def copy(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Remove the properties of these names, and return those that are there under their names of OCPP 1.6."""
        return {theirs: self._left.pop(ours) for ours, theirs in names.items() if ours in self._left}

    def pop_number(self, name: str) -> int:
        """Remove a text and return the number that it is: transactions of OCPP 1.6 have numbers.

        Raises:
            RpcError: When it is none.
        """
        text = str(self._left.pop(name, ""))
        if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _LARGEST):
            problem = f"{self.path}/{name} is not the number of a transaction of a station that speaks OCPP 1.6"
            raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, problem, path=f"{self.path}/{name}")
        return int(text)

    def pop_connector(self) -> int:
        """Remove an EVSE and return the connector of OCPP 1.6 that it is; 0, the station, without one.

        Raises:
            UnsupportedAction: When a connector is named that OCPP 1.6 can't distinguish from the others.
        """
        evse = self.pop_fields("evse")
        if evse is None:
            return 0
        number: int = evse.pop("id")
        if evse.pop("connectorId") not in (None, 1):
            raise evse.refuse("connectorId", "a connector of OCPP 1.6 is connector 1 of the EVSE with its number")
        evse.end()
        return number

    def ignore(self, *names: str) -> None:
        """Leave properties out that say nothing to a station of OCPP 1.6."""
        for name in names:
            self._left.pop(name, None)

    def end(self) -> None:
        """Return if every property was read.

        Raises:
            UnsupportedAction: When one is left, by its name.
        """
        for name in self._left:
            raise self.refuse(name)

    def refuse(self, name: str, reason: str = "OCPP 1.6 has no such property") -> UnsupportedAction:
        """Return the error for a property, or for a value of it, that OCPP 1.6 can't express."""
        return UnsupportedAction(self.action, f"{self.action} with {self.path}/{name} can't be sent: {reason}")
