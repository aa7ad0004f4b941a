"""Single values of OCPP 1.6 payloads: numbers, times and ids, each refused with its path where it can't be read."""

import math
import re
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp import codec
from citrine_edge.ocppj import Code, RpcError

__all__ = ["connector_id", "number", "request_id", "time", "transaction_id"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
"""A decimal number with a point. Python's own rule also knows underscores, "nan" and the digits of other scripts."""

_LARGEST_ID = 2**31 - 1

_MOST_DIGITS = 36


def number(value: str, path: str) -> float:
    """Return the value of a sample as the nearest double, which has 15 decimal digits exactly.

    Raises:
        RpcError: When it is no number; a decimal comma is none, because it may also part thousands.
    """
    found = _NUMBER.fullmatch(value) or _NUMBER.fullmatch(value.strip())
    if found is None or not math.isfinite(result := float(found[0])):
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"{path} is not a number", path=path)
    return result


def time(value: str, path: str) -> Timestamp:
    """Return a time; without an offset it is UTC.

    Raises:
        RpcError: When it is no date-time.
    """
    try:
        return codec.parse_datetime(value)
    except codec.CodecError as error:
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"{path} {error.problem}", path=path) from None


def connector_id(value: float, path: str = "/connectorId") -> int:
    """Return the number of a connector; 0 is the station itself.

    Raises:
        RpcError: When no connector can have this number.
    """
    if not 0 <= value <= _LARGEST_ID:
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"{path} is no number of a connector", path=path)
    return int(value)


def request_id(value: Any) -> int | None:
    """Return an id that the CSMS gave; None for none, and for a number that the CSMS never gives."""
    return int(value) if isinstance(value, int | float) and 0 < value <= _LARGEST_ID else None


def transaction_id(value: float, path: str = "/transactionId") -> str:
    """Return the id of a transaction as text, whatever its number is.

    Raises:
        RpcError: When it has more digits than an id has characters.
    """
    digits = str(int(value))
    if len(digits) > _MOST_DIGITS:
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"{path} is no id of a transaction", path=path)
    return digits
