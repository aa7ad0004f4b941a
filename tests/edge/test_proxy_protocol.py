"""Tests of the PROXY header: what is read from it, and what is refused."""

import struct

import pytest

from citrine_edge.proxy_protocol import InvalidHeader, ProxyHeader, body_length, read_header
from tests.support.proxy_header import LOCAL, SIGNATURE, proxy_header

V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack("!HH", 40001, 9443)


def read(header: bytes) -> ProxyHeader:
    return read_header(header[:16], header[16:])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(proxy_header("192.0.2.7", 40001), ProxyHeader("192.0.2.7:40001"), id="IPv4"),
        pytest.param(proxy_header("2001:db8::7", 40001), ProxyHeader("[2001:db8::7]:40001"), id="IPv6"),
        pytest.param(proxy_header("192.0.2.7", 1, tls=True), ProxyHeader("192.0.2.7:1", is_tls=True), id="TLS"),
        pytest.param(proxy_header("192.0.2.7", 1, tls=False), ProxyHeader("192.0.2.7:1"), id="TLS not used"),
        pytest.param(LOCAL, ProxyHeader(), id="health check"),
        pytest.param(LOCAL[:14] + b"\0\x03abc", ProxyHeader(), id="health check with a body"),
        pytest.param(
            SIGNATURE + b"\x21\x11" + struct.pack("!H", 17) + V4 + b"\x04\0\2zz", ProxyHeader("192.0.2.7:40001"),
            id="field that nobody knows",
        ),
    ],
)  # fmt: skip
def test_a_header_says_whose_connection_it_is(header: bytes, expected: ProxyHeader) -> None:
    assert body_length(header[:16]) == len(header) - 16
    assert read(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"PROXY TCP4 192.0.2.7 198.51.100.1 40001 9443\r\n", id="version 1"),
        pytest.param(b"GET /CS1 HTTP/1.1\r\nHost: csms\r\n\r\n", id="a request"),
        pytest.param(SIGNATURE + b"\x31\x11\0\x0c" + V4, id="version 3"),
        pytest.param(SIGNATURE + b"\x22\x11\0\x0c" + V4, id="command that nobody knows"),
        pytest.param(SIGNATURE + b"\x21\x12\0\x0c" + V4, id="UDP"),
        pytest.param(SIGNATURE + b"\x21\x31" + struct.pack("!H", 216) + bytes(216), id="UNIX socket"),
        pytest.param(SIGNATURE + b"\x21\x00\0\0", id="address that is not known"),
        pytest.param(SIGNATURE + b"\x21\x11\0\x0b" + V4[:11], id="short address"),
        pytest.param(SIGNATURE + b"\x21\x11\0\x0c" + V4[:11], id="cut off"),
        pytest.param(SIGNATURE + b"\x21\x11\0\x0e" + V4 + b"\x20\0", id="field that is cut off"),
        pytest.param(SIGNATURE + b"\x21\x11\0\x10" + V4 + b"\x20\0\x05a", id="field that is longer than the header"),
        pytest.param(SIGNATURE + b"\x21\x11\xff\xff" + bytes(65535), id="long body"),
        pytest.param(SIGNATURE, id="signature alone"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_header_is_refused(header: bytes) -> None:
    with pytest.raises(InvalidHeader, match="no PROXY protocol header of version 2"):
        read(header)
