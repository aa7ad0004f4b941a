"""Commands to stations of OCPP 1.6: canonical requests become CALLs, and the answers the canonical response."""

from typing import Any

from google.protobuf.message import Message

from citrine.ocpp.actions import action_of
from citrine_edge.dialects.dialect import UnsupportedAction
from citrine_edge.dialects.exchanges import CommandExchange
from citrine_edge.ocppj import Schemas

__all__ = ["CsmsCommands"]


class CsmsCommands:
    """The half of the dialect that sends."""

    def __init__(self, schemas: Schemas) -> None:
        self._command_schemas = schemas

    def command(self, request: Message) -> CommandExchange:
        """Return the exchange of a canonical request to a station: see `Dialect`."""
        raise UnsupportedAction(action_of(request).name)

    def native_command(self, name: str, payload: Any) -> CommandExchange:
        """Return the exchange of a CALL whose payload is already in the JSON of this version: see `Dialect`."""
        raise UnsupportedAction(name)
