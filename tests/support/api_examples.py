"""The examples of docs/api-examples.toml: an rpc, its request in JSON, and what it returns beside the demo."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Example", "Value", "read_examples"]

FILE = Path(__file__).parents[2] / "docs" / "api-examples.toml"


@dataclass(frozen=True)
class Value:
    """Where a word in capitals has its value from."""

    file: str = ""
    """A file of the demo, whose text it is."""
    rpc: str = ""
    """Else: the rpc that returns it."""
    request: str = "{}"
    """Request of that rpc."""
    field: str = ""
    """Where it stands in what that rpc returns, e.g. "stations.0.station_id"; -1 is the last of a list."""

    @property
    def is_listed(self) -> bool:
        """Whether the rpc is called for it; else it is what a call before returned."""
        return self.rpc.startswith("List")


@dataclass(frozen=True)
class Example:
    """A call of an rpc."""

    rpc: str
    """Its name."""
    request: str
    """The request in JSON, with the names of values in their place."""
    returns: str = "OK"
    """Status that it returns beside the demo."""
    because: str = ""
    """Why it is not OK."""

    def names(self, values: Mapping[str, Value]) -> list[str]:
        """Return the values that stand in its request, each once."""
        words = dict.fromkeys(re.findall(r"\b[A-Z_]+\b", self.request))
        return [word for word in words if word in values]

    def filled(self, found: Mapping[str, str | int]) -> str:
        """Return the request with values in place of their names."""
        request = self.request
        for name, value in found.items():
            # Within quotes, the text as JSON has it.
            request = re.sub(rf"\b{name}\b", lambda _, value=value: json.dumps(str(value))[1:-1], request)  # type: ignore[misc]
        return request


def read_examples() -> tuple[Sequence[Example], Mapping[str, Value]]:
    """Return the examples in their order, and the values by their names."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [Example(*call) for call in content["calls"]["order"]], {
        name: Value(**value) for name, value in content["values"].items()
    }
