"""PROXY headers of version 2, as a load balancer sends them."""

import struct
from ipaddress import IPv6Address, ip_address

__all__ = ["LOCAL", "SIGNATURE", "proxy_header"]

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"

LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
"""Header of a health check."""


def proxy_header(address: str, port: int, *, tls: bool | None = None) -> bytes:
    """Return the header for a client's address; with a field on TLS, if it is known whether the client uses that."""
    source = ip_address(address)
    is_v6 = isinstance(source, IPv6Address)
    body = source.packed + bytes(16 if is_v6 else 4) + struct.pack("!HH", port, 443)
    if tls is not None:
        body += b"\x20" + struct.pack("!HBL", 5, 1 if tls else 0, 0)
    return SIGNATURE + (b"\x21\x21" if is_v6 else b"\x21\x11") + struct.pack("!H", len(body)) + body
