"""A command to a station of OCPP 1.6, played against answers that are written down."""

from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import decode, encode
from citrine_edge.dialects.v16 import V16
from citrine_edge.ocppj import CallError

__all__ = ["Played", "error", "play"]

_DIALECT = V16()

Json = dict[str, Any]


class Played(NamedTuple):
    """What became of a command."""

    calls: list[tuple[str, Json]]
    response: Json | None
    """None: it failed with the last answer."""
    messages: list[tuple[str, Json]]
    partial: Json | None
    """What counts of it if it failed."""


def error(code: str, description: str = "") -> CallError:
    """Return a CALLERROR."""
    return CallError("", code, description, {})


def play(action: str, payload: Json, *answers: Json | CallError) -> Played:
    """Return what becomes of a canonical request whose CALLs are answered so, one after another."""
    exchange = _DIALECT.command(decode(ACTIONS[action].request, payload))
    calls: list[tuple[str, Json]] = []
    for answer in answers:
        call = exchange.next_call()
        assert call is not None, f"only {calls} were to be answered"
        calls.append((call.action, call.payload))
        if isinstance(answer, CallError):
            if not exchange.read_error(answer):
                part = exchange.valid_part()
                return Played(calls, None, [], None if part is None else encode(part))
        else:
            exchange.read_result(answer)
    call = exchange.next_call()
    assert call is None, f"{call} is not answered"
    said = exchange.messages(Timestamp(seconds=1738324800))
    messages = [(each.action.name, encode(each.message)) for each in said]
    return Played(calls, encode(exchange.response()), messages, None)
