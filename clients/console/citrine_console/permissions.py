"""What a caller may do, by the scopes that the contract demands of each rpc."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from citrine.api.v1.access_pb2 import Access, access
from citrine.api.v1.keys_pb2 import Caller
from citrine_sdk import SERVICES

__all__ = ["Permissions"]

_ALL = "*"


@cache
def _rules() -> Mapping[str, Access]:
    """Return the rule of each rpc by its name, which no two services share."""
    return {
        method.name: method.GetOptions().Extensions[access]
        for service in SERVICES.values()
        for method in service.methods
    }


@dataclass(frozen=True)
class Permissions:
    """What somebody may do. The core decides; this only says which buttons to show."""

    scopes: frozenset[str]
    is_operator: bool

    @staticmethod
    def prepare() -> None:
        """Read the contract, so that nobody waits for it."""
        _rules()

    @classmethod
    def of(cls, caller: Caller) -> "Permissions":
        """Return what a caller may do."""
        return cls(frozenset(caller.scopes), caller.operator)

    def may(self, *rpcs: str) -> bool:
        """Return whether all of these rpcs may be called.

        Raises:
            KeyError: When the contract has no such rpc.
        """
        return all(self._may(_rules()[rpc]) for rpc in rpcs)

    def has(self, scope: str) -> bool:
        """Return whether a scope is there."""
        return _ALL in self.scopes or scope in self.scopes

    def _may(self, rule: Access) -> bool:
        if rule.operator_only and not self.is_operator:
            return False
        return rule.any_caller or self.has(rule.scope)
