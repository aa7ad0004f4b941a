"""Whatever a station sends: an answer that Part 4 knows, and nothing else."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citrine.ocpp.actions import ACTIONS
from citrine_edge.dialects import V21, V201, Dialect
from citrine_edge.ocppj import OcppjError, RpcError, encode_error, parse
from tests.support.examples import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=25,
)

NAMES = st.sampled_from(
    sorted({field.json_name for each in ACTIONS.values() for field in each.request.DESCRIPTOR.fields})
)

DIALECTS: list[Dialect] = [V201(), V21()]


def check(error: RpcError) -> None:
    answer = orjson.loads(encode_error(error.message_id, error.code, error.description))
    assert len(answer[1]) <= 36
    assert len(answer[3]) <= 255


@given(raw=st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    try:
        parse(raw, DIALECTS[1].message_types)
    except RpcError as error:
        check(error)
    except OcppjError:
        pass


@given(elements=st.lists(JSON, max_size=6) | st.tuples(st.sampled_from([2, 3, 4, 5, 6]), JSON, JSON, JSON))
def test_any_array(elements: Any) -> None:
    for dialect in DIALECTS:
        try:
            parse(orjson.dumps(elements, option=orjson.OPT_NON_STR_KEYS), dialect.message_types)
        except RpcError as error:
            check(error)
        except (OcppjError, TypeError):
            # TypeError: orjson writes no integers of more than 64 bits.
            pass


@pytest.mark.parametrize("dialect", DIALECTS, ids=["2.0.1", "2.1"])
@settings(max_examples=examples(400))
@given(name=st.sampled_from(sorted(ACTIONS)), payload=st.dictionaries(NAMES, JSON, max_size=5) | JSON)
def test_any_payload(dialect: Dialect, name: str, payload: Any) -> None:
    for read in (dialect.read_call, dialect.read_send):
        try:
            read(name, payload)
        except RpcError as error:
            check(error)
