"""Version 2 of the PROXY protocol, by which a proxy says whose connection it passes on. No input or output."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from citrine_process.addresses import join_address

__all__ = ["HEAD", "InvalidHeader", "ProxyHeader", "body_length", "read_header"]

HEAD = 16
"""Bytes of the fixed part."""

MAX_BODY = 4096
"""Longest body that is read; proxies send some hundred bytes."""

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_TLS, _CLIENT_USES_TLS = 0x20, 0x01


class InvalidHeader(Exception):
    """Bytes that are no PROXY header of version 2."""

    def __str__(self) -> str:
        return "no PROXY protocol header of version 2"


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a proxy says of a connection."""

    address: str = ""
    """Address of the client, as host:port. Empty: that of the connection, as with a health check of the proxy."""
    is_tls: bool = False
    """Whether TLS ended at the proxy."""


def body_length(head: bytes) -> int:
    """Return how many bytes follow the fixed part.

    Raises:
        InvalidHeader: When it is not the fixed part of a header, or announces too many bytes.
    """
    length = int.from_bytes(head[14:16], "big")
    if len(head) != HEAD or not head.startswith(_SIGNATURE) or head[12] not in (_LOCAL, _PROXY) or length > MAX_BODY:
        raise InvalidHeader
    return length


def read_header(head: bytes, body: bytes) -> ProxyHeader:
    """Return what a header says.

    Raises:
        InvalidHeader: When it is cut off, or of no TCP connection.
    """
    if len(body) != body_length(head):
        raise InvalidHeader
    if head[12] == _LOCAL:
        return ProxyHeader()
    try:
        if head[13] == _TCP4:
            source, _, port, _ = struct.unpack_from("!4s4sHH", body)
            address, fields = join_address(str(IPv4Address(source)), port), body[12:]
        elif head[13] == _TCP6:
            source, _, port, _ = struct.unpack_from("!16s16sHH", body)
            address, fields = join_address(str(IPv6Address(source)), port), body[36:]
        else:
            raise InvalidHeader
        return ProxyHeader(address, _uses_tls(fields))
    except struct.error:
        raise InvalidHeader from None


def _uses_tls(fields: bytes) -> bool:
    """Return what the field about TLS says, if there is one."""
    while fields:
        kind, length = struct.unpack_from("!BH", fields)
        value, fields = fields[3 : 3 + length], fields[3 + length :]
        if len(value) != length:
            raise InvalidHeader
        if kind == _TLS:
            return bool(value[:1] and value[0] & _CLIENT_USES_TLS)
    return False
