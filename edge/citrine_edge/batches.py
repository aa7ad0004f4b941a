"""Batches of items for a core, as bytes."""

from collections.abc import Sequence

from citrine.edge.v1 import link_pb2 as pb

__all__ = ["encode_batch"]


def encode_batch(items: Sequence[bytes]) -> bytes:
    """Return the LinkRequest of serialized Upstream items.

    A repeated field is encoded as its elements one after another, each with tag and length, so the items need not be
    copied into a message first.
    """
    parts: list[bytes] = []
    for item in items:
        parts.append(_ITEMS_TAG + _varint(len(item)))
        parts.append(item)
    return b"".join(parts)


_ITEMS_TAG = bytes([pb.LinkRequest.ITEMS_FIELD_NUMBER << 3 | 2])


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
