"""The short way of ordinary messages: it does what the base class does, or nothing."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import CLOSING, CONNECTING

from citrine_edge.compression import SMALL
from citrine_edge.websocket_protocol import StationProtocol

DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.PING)
MAX_SIZE = 70_000


@pytest.fixture
def protocol() -> StationProtocol:
    return opened()


def opened(max_size: int = MAX_SIZE) -> StationProtocol:
    protocol = StationProtocol(max_size=max_size)
    protocol.receive_data(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    protocol.data_to_send()
    return protocol


def frame(
    data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True, rsv1: bool = False, mask: bool = True
) -> bytes:
    return Frame(opcode, data, fin, rsv1).serialize(mask=mask)


def read_by_base_class(protocol: StationProtocol, data: bytes) -> list[bytes]:
    protocol.receive_data(data)
    return [bytes(each.data) for each in protocol.events_received() if isinstance(each, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 1000, 65_535])
def test_text_in_one_frame_is_read(protocol: StationProtocol, size: int) -> None:
    data = os.urandom(size)

    assert protocol.read_message(frame(data)) == data
    assert read_by_base_class(protocol, frame(data)) == [data]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(b"x", Opcode.BINARY), id="binary"),
        pytest.param(frame(b"x", Opcode.PING), id="ping"),
        pytest.param(frame(b"\x03\xe8", Opcode.CLOSE), id="close"),
        pytest.param(frame(b"x", fin=False), id="first of several frames"),
        pytest.param(b"\xc1" + frame(b"x")[1:], id="compressed"),
        pytest.param(frame(b"x", mask=False), id="not masked"),
        pytest.param(frame(b"x" * 127, mask=False), id="not masked, long"),
        pytest.param(frame(b"xyz")[:-1], id="part of a frame"),
        pytest.param(frame(b"x") + b"\x81", id="more than a frame"),
        pytest.param(frame(b"x" * 65_536), id="with eight bytes of length"),
        pytest.param(b"\x81\xff" + bytes(131), id="length that looks like a number"),
        pytest.param(b"\x81", id="one byte"),
    ],
)
def test_anything_else_is_left_to_the_base_class(protocol: StationProtocol, data: bytes) -> None:
    assert protocol.read_message(data) is None


def test_frame_within_another_is_none(protocol: StationProtocol) -> None:
    inner = frame(b"inner")
    outer = frame(b"x" * 10)[:6]

    protocol.receive_data(outer)

    assert protocol.read_message(inner) is None


def test_text_between_the_frames_of_a_message_is_left_to_the_base_class(protocol: StationProtocol) -> None:
    protocol.receive_data(frame(b"x", fin=False))

    assert protocol.read_message(frame(b"y")) is None


def test_message_that_is_too_big_is_left_to_the_base_class() -> None:
    protocol = opened(max_size=100)

    assert protocol.read_message(frame(b"x" * 100)) == b"x" * 100
    assert protocol.read_message(frame(b"x" * 101)) is None


@pytest.mark.parametrize("state", [CONNECTING, CLOSING])
def test_nothing_is_read_unless_the_connection_is_open(protocol: StationProtocol, state: object) -> None:
    protocol.state = state  # type: ignore[assignment]  # a state of the protocol

    assert protocol.read_message(frame(b"x")) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, SMALL - 1])
def test_short_message_is_the_frame_that_the_base_class_writes(protocol: StationProtocol, size: int) -> None:
    data = os.urandom(size)
    protocol.send_text(data)

    assert [protocol.write_message(data)] == protocol.data_to_send()


def test_message_that_may_be_compressed_is_left_to_the_base_class(protocol: StationProtocol) -> None:
    assert protocol.write_message(b"x" * SMALL) is None


@settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=30), st.binary(max_size=8))
def test_no_bytes_are_read_otherwise_than_the_base_class_reads_them(head: bytes, tail: bytes) -> None:
    for data in (head + tail, b"\x81" + head, frame(head) + tail):
        message = opened().read_message(data)

        assert message is None or read_by_base_class(opened(), data) == [message]


@settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING]), st.binary(max_size=140)), max_size=6
    ),
    st.integers(1, 200),
)
def test_frames_are_the_same_whatever_way_each_read_goes(frames: list[tuple[Opcode, bytes]], step: int) -> None:
    data = b"".join(frame(each, opcode) for opcode, each in frames)
    protocol, received = opened(), list[bytes]()

    for at in range(0, len(data), step):
        message = protocol.read_message(data[at : at + step])
        received += read_by_base_class(protocol, data[at : at + step]) if message is None else [message]

    assert received == [each for _, each in frames]


def test_station_chooses_the_version() -> None:
    protocol = StationProtocol(subprotocols=["ocpp2.1", "ocpp2.0.1"])  # type: ignore[list-item]  # a NewType

    assert protocol.select_subprotocol(["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]) == "ocpp2.0.1"  # type: ignore[list-item]
    assert protocol.select_subprotocol(["ocpp1.6"]) is None  # type: ignore[list-item]
