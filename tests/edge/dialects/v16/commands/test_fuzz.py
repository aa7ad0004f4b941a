"""Whatever a station of OCPP 1.6 answers, the response to a command is valid, or the command fails."""

from importlib import resources
from typing import Any

import orjson
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import CodecError, decode, encode
from citrine_edge.dialects import CallRefused, CommandExchange, UnsupportedAction
from citrine_edge.dialects.v16 import V16
from citrine_edge.dialects.v16.commands import TRANSLATIONS
from citrine_edge.ocppj import CallError, RpcError, Schemas
from tests.support.examples import examples
from tests.support.payloads import SCHEMAS, Schema, objects

DIALECT = V16()

CANONICAL = Schemas("v21")

ERRORS = st.sampled_from(["NotImplemented", "NotSupported", "InternalError"]).map(
    lambda code: CallError("", code, "", {})
)


def inlined(schema: Any, definitions: Schema) -> Any:
    """Return a schema of 1.6 as the strategies need it: without references, and with bounds of arrays."""
    if isinstance(schema, list):
        return [inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    found = {key: inlined(each, definitions) for key, each in schema.items() if key != "definitions"}
    return {"minItems": 0, **found} if found.get("type") == "array" else found


def answers(action: str) -> st.SearchStrategy[Any]:
    """Draw what a station may answer to a CALL of 1.6."""
    text = (resources.files("ocpp") / "v16" / "schemas" / f"{action}Response.json").read_bytes()
    schema = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    return objects(inlined(schema, schema.get("definitions", {})), "1.6", {}) | ERRORS


def played(exchange: CommandExchange, data: st.DataObject) -> bool:
    """Answer all CALLs of a command, and return whether it has a response."""
    for _ in range(12):
        call = exchange.next_call()
        if call is None:
            return True
        answer = data.draw(answers(call.action))
        if isinstance(answer, CallError):
            if not exchange.read_error(answer):
                return False
        else:
            exchange.read_result(answer)
    return False


@pytest.mark.parametrize("name", sorted(TRANSLATIONS))
def test_response_to_a_command_is_valid(name: str) -> None:
    schema = SCHEMAS["2.1"][f"{name}Request"]

    @settings(max_examples=examples(15), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(objects(schema, "2.1", schema.get("definitions", {})), st.data())
    def check(payload: dict[str, Any], data: st.DataObject) -> None:
        try:
            exchange = DIALECT.command(decode(ACTIONS[name].request, payload))
        except (CodecError, UnsupportedAction, RpcError):
            return
        try:
            is_complete = played(exchange, data)
        except (CallRefused, RpcError):
            is_complete = False
        if is_complete:
            response = encode(exchange.response())
            assert CANONICAL.response(name).violations(response) == []
            for each in exchange.messages(Timestamp(seconds=1738324800)):
                assert CANONICAL.request(each.action.name).violations(encode(each.message)) == []
        else:
            exchange.valid_part()

    check()
