"""The envelope of each answer: data, status code, message and timestamp."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic_core import to_json

from citrine_ocpi.transport.status import Status

__all__ = ["Envelope", "InvalidEnvelope", "Reply", "parse_json", "time_text", "write_envelope"]


@dataclass(frozen=True)
class Reply:
    """What an endpoint answers."""

    data: object = None
    """A model, a sequence of them, plain JSON, or None: the answer has no data."""
    status: int = Status.SUCCESS
    message: str = ""
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class InvalidEnvelope(ValueError):
    """A body is not an answer of OCPI; said in one line."""


@dataclass(frozen=True)
class Envelope:
    """The answer of a partner."""

    data: Any
    """Plain JSON; numbers with a fraction are Decimal."""
    status: int
    message: str
    timestamp: str = ""
    """When the partner answered, by its clock, as it wrote that. Empty: it did not say."""

    @classmethod
    def parse(cls, body: bytes) -> "Envelope":
        """Return the answer of a body.

        Raises:
            InvalidEnvelope: When it is none.
        """
        try:
            found = parse_json(body)
        except ValueError:
            raise InvalidEnvelope("the answer is no JSON") from None
        if not isinstance(found, dict):
            raise InvalidEnvelope("the answer is no object")
        status = found.get("status_code")
        if not isinstance(status, int) or isinstance(status, bool):
            raise InvalidEnvelope("the answer has no status_code")
        message = found.get("status_message")
        texts = (one if isinstance(one, str) else "" for one in (message, found.get("timestamp")))
        return cls(found.get("data"), status, *texts)


def parse_json(body: bytes) -> Any:
    """Return the value of JSON. Numbers with a fraction are Decimal, so that amounts remain as they are written.

    Raises:
        ValueError: When it is none.
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def time_text(time: datetime) -> str:
    """Return a time as OCPI writes it: UTC with Z, to the millisecond where there is one."""
    text = time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{text.removesuffix('.000')}Z"


def write_envelope(reply: Reply, now: datetime) -> bytes:
    """Return the body of an answer."""
    parts = {"status_code": reply.status, "timestamp": time_text(now)}
    if reply.message:
        parts["status_message"] = reply.message
    head = to_json(parts)
    if reply.data is None:
        return head
    return b'{"data":' + to_json(reply.data, exclude_none=True, by_alias=True) + b"," + head[1:]
