"""What audit records say of a request: what it is about, and its content without secrets."""

from collections.abc import Iterator
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from citrine.ocpp.secrets import KEY_CODE, mask_key_codes, mask_secrets

__all__ = ["address_of", "content_of", "object_of"]

MASK = "********"

MOST = 4000
"""Most characters of a request that are recorded."""

LARGE = 64 * 1024
"""Bytes from which on a request is not recorded at all: to write a local list as JSON takes long."""

_TOKEN = "id_token"

_CREDENTIALS = frozenset({"attributeValue", "credential", "secret"})
"""Further fields that hold secrets. Any variable of a station may be write-only; commands show the values of others."""


def object_of(request: Message) -> str:
    """Return the fields of a request that name what it is about, e.g. "station_id=CS-1, evse_id=1"."""
    return _clean(", ".join(f"{name}={value}" for name, value in _ids(request)))[:255]


def content_of(request: Message) -> str:
    """Return a request as JSON, with secrets masked; cut if it is long."""
    if request.ByteSize() > LARGE:
        return f"({request.ByteSize()} bytes)"
    content = MessageToDict(request)
    mask_secrets(content, MASK)
    mask_key_codes(content, MASK)
    _mask_credentials(content)
    text = _clean(orjson.dumps(content).decode())
    return text if len(text) <= MOST else f"{text[:MOST]}…"


def address_of(peer: str) -> str:
    """Return the host of a peer as gRPC names it, e.g. "ipv4:127.0.0.1:4711"."""
    kind, _, rest = peer.partition(":")
    host = rest.rpartition(":")[0] if kind in ("ipv4", "ipv6") else peer
    return host.replace("%5B", "").replace("%5D", "").strip("[]")[:100]


def _mask_credentials(value: Any) -> None:
    """Mask further secrets, in place, beside those that are masked everywhere."""
    if isinstance(value, list):
        for each in value:
            _mask_credentials(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name in _CREDENTIALS and isinstance(each, str):
                value[name] = MASK
            else:
                _mask_credentials(each)


def _ids(request: Message) -> Iterator[tuple[str, object]]:
    yield from _own_ids(request)
    for field, value in request.ListFields():
        if field.message_type is not None and not field.is_repeated:
            # "station" of CreateStation, "target" of commands.
            yield from _own_ids(value)


def _own_ids(message: Message) -> Iterator[tuple[str, object]]:
    # What a driver types is a secret.
    is_typed = KEY_CODE.lower() in str(getattr(message, "type", "")).lower()
    for field, value in message.ListFields():
        if _is_id(field) and not (is_typed and field.name == _TOKEN):
            yield field.name, value


def _is_id(field: FieldDescriptor) -> bool:
    is_name = field.name == "id" or field.name.endswith("_id") or field.name == _TOKEN
    return is_name and field.message_type is None and not field.is_repeated


def _clean(text: str) -> str:
    return text.replace("\0", "")
