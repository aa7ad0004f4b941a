"""HTTP/2 as its client, against frames by hand; test_stream.py drives it against gRPC's own server."""

from collections.abc import Iterator

import hpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citrine_edge.http2 import (
    MAX_FRAME,
    MAX_HEADERS,
    MAX_MESSAGE,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    WINDOW,
    GrpcStream,
    StreamEnded,
)

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITY = 4, 8, 32


def frame(kind: int, flags: int = 0, stream: int = 1, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def message(data: bytes) -> bytes:
    return b"\0" + number(len(data)) + data


def block(*headers: tuple[str, str], huffman: bool = True) -> bytes:
    return hpack.Encoder().encode(headers, huffman=huffman)


def frames(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    while data:
        end = 9 + int.from_bytes(data[:3], "big")
        yield data[3], data[4], int.from_bytes(data[5:9], "big"), data[9:end]
        data = data[end:]


def sent(stream: GrpcStream) -> bytes:
    """Return the payload of the data frames that were sent since the last time."""
    return b"".join(payload for kind, _, _, payload in frames(stream.data_to_send()) if kind == DATA)


@pytest.fixture
def stream() -> GrpcStream:
    stream = GrpcStream("/a.B/C", "core:1", [("authorization", "Bearer x")])
    stream.data_to_send()
    return stream


def test_connection_begins_with_preface_settings_and_the_rpc() -> None:
    data = GrpcStream("/a.B/C", "core:1", [("authorization", "Bearer x")]).data_to_send()

    assert data.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    kinds = {kind: (flags, on, payload) for kind, flags, on, payload in frames(data[24:])}
    assert kinds[SETTINGS][:2] == (0, 0)
    flags, on, payload = kinds[HEADERS]
    assert (flags, on) == (END_HEADERS, 1)
    assert {str(name): str(value) for name, value in hpack.Decoder().decode(payload)} == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/a.B/C",
        ":authority": "core:1",
        "te": "trailers",
        "content-type": "application/grpc",
        "authorization": "Bearer x",
    }


def test_peer_is_known_by_its_settings_which_are_acknowledged(stream: GrpcStream) -> None:
    assert not stream.is_connected

    stream.receive(frame(SETTINGS, stream=0))

    assert stream.is_connected
    assert list(frames(stream.data_to_send())) == [(SETTINGS, ACK, 0, b"")]
    stream.receive(frame(SETTINGS, ACK, stream=0))
    assert stream.data_to_send() == b""


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_messages_are_complete_however_their_bytes_come(stream: GrpcStream, step: int) -> None:
    data = message(b"") + message(b"one") + message(b"x" * 300)
    # Frames and messages need not begin together.
    coming = (
        frame(HEADERS, END_HEADERS, payload=block((":status", "200"), ("k", "v")))
        + frame(DATA, payload=data[:7])
        + frame(DATA, PADDED, payload=b"\x03" + data[7:20] + b"\0\0\0")
        + frame(DATA, payload=data[20:])
    )

    received = [each for at in range(0, len(coming), step) for each in stream.receive(coming[at : at + step])]

    assert received == [b"", b"one", b"x" * 300]
    assert stream.headers == {":status": "200", "k": "v"}
    assert stream.ended is None


def test_header_block_may_come_in_several_frames(stream: GrpcStream) -> None:
    data = block((":status", "200"), ("k", "v" * 100))

    stream.receive(frame(HEADERS, PADDED | PRIORITY, payload=b"\x02" + bytes(5) + data[:5] + bytes(2)))
    stream.receive(frame(CONTINUATION, payload=data[5:9]))
    assert stream.headers is None
    stream.receive(frame(CONTINUATION, END_HEADERS, payload=data[9:]))

    assert stream.headers == {":status": "200", "k": "v" * 100}


def test_ping_is_answered_with_what_it_says(stream: GrpcStream) -> None:
    stream.receive(frame(PING, stream=0, payload=b"12345678"))

    assert list(frames(stream.data_to_send())) == [(PING, ACK, 0, b"12345678")]
    stream.receive(frame(PING, ACK, stream=0, payload=bytes(8)))
    assert stream.data_to_send() == b""


def test_a_ping_of_ours_asks_for_an_answer(stream: GrpcStream) -> None:
    stream.ping()

    assert list(frames(stream.data_to_send())) == [(PING, 0, 0, bytes(8))]


def test_message_larger_than_the_window_waits_for_more_of_it(stream: GrpcStream) -> None:
    data = bytes(range(256)) * 400
    stream.send(data)
    first = sent(stream)
    assert len(first) == 65535
    assert not stream.can_send

    stream.receive(frame(WINDOW_UPDATE, payload=number(100_000)))
    assert sent(stream) == b"", "the window of the connection counts as well"
    stream.receive(frame(WINDOW_UPDATE, stream=0, payload=number(10)))
    second = sent(stream)
    stream.receive(frame(WINDOW_UPDATE, stream=0, payload=number(100_000)))

    assert len(second) == 10
    assert first + second + sent(stream) == message(data)
    assert stream.can_send


def test_what_is_sent_behind_a_waiting_message_comes_after_it(stream: GrpcStream) -> None:
    data = b"x" * 70_000
    stream.send(data)
    stream.send(b"next")
    stream.end()
    first = sent(stream)
    for on in (0, 1):
        stream.receive(frame(WINDOW_UPDATE, stream=on, payload=number(100_000)))

    *_, last = rest = list(frames(stream.data_to_send()))
    assert first + b"".join(payload for *_, payload in rest) == message(data) + message(b"next")
    assert last == (DATA, END_STREAM, 1, b"")
    assert not stream.can_send


@pytest.mark.parametrize(("window", "expected"), [(10, 10), (70_000, 65_535)])
def test_settings_of_the_peer_change_the_window_of_the_stream(stream: GrpcStream, window: int, expected: int) -> None:
    stream.receive(frame(SETTINGS, stream=0, payload=b"\0\x04" + number(window) + b"\0\x05" + number(20_000)))
    stream.data_to_send()

    stream.send(bytes(80_000))

    lengths = [len(payload) for kind, *_, payload in frames(stream.data_to_send()) if kind == DATA]
    assert sum(lengths) == expected
    assert max(lengths) <= 20_000


def test_end_is_said_once(stream: GrpcStream) -> None:
    stream.end()
    stream.end()

    assert list(frames(stream.data_to_send())) == [(DATA, END_STREAM, 1, b"")]


def test_peer_may_always_send_more(stream: GrpcStream) -> None:
    """Each byte is given back, so that no stream ever stands still for want of a window."""
    windows, sends = {0: WINDOW, 1: WINDOW}, 0
    for _ in range(40):
        stream.receive(frame(DATA, payload=message(bytes(MAX_FRAME - 5))))
        sends += MAX_FRAME
        for kind, _, on, payload in frames(stream.data_to_send()):
            if kind == WINDOW_UPDATE:
                windows[on] += int.from_bytes(payload, "big")

        assert min(windows.values()) - sends >= WINDOW // 2
        assert max(windows.values()) - sends <= WINDOW


def test_trailers_end_the_rpc_after_what_came_before(stream: GrpcStream) -> None:
    trailers = block(("grpc-status", str(UNAUTHENTICATED)), ("grpc-message", "no%20such %C3%A9dge"))

    received = stream.receive(
        frame(DATA, payload=message(b"last")) + frame(HEADERS, END_HEADERS | END_STREAM, payload=trailers)
    )

    assert received == [b"last"]
    assert stream.ended is not None
    assert (stream.ended.code, str(stream.ended)) == (UNAUTHENTICATED, "no such édge")
    stream.cancel()
    assert stream.data_to_send() == b"", "who has ended is not told"
    assert stream.receive(frame(DATA, payload=message(b"more"))) == []


def test_cancelled_rpc_is_reset_once(stream: GrpcStream) -> None:
    stream.cancel()
    stream.cancel()

    assert list(frames(stream.data_to_send())) == [(RST_STREAM, 0, 1, number(8))]
    assert not stream.can_send


def test_stop_in_order_lets_the_rpc_go_on(stream: GrpcStream) -> None:
    stream.receive(frame(GOAWAY, stream=0, payload=number((1 << 31) - 1) + number(0)))
    stream.receive(frame(GOAWAY, stream=0, payload=number(1) + number(0)))

    assert stream.receive(frame(DATA, payload=message(b"a"))) == [b"a"]


@pytest.mark.parametrize(
    ("data", "code", "problem"),
    [
        (
            frame(HEADERS, END_HEADERS, payload=block((":status", "503"))),
            UNAVAILABLE,
            "no gRPC server: HTTP status 503",
        ),
        (frame(HEADERS, END_HEADERS | END_STREAM, payload=block((":status", "200"))), UNAVAILABLE, "no gRPC server"),
        (frame(HEADERS, END_HEADERS | END_STREAM, payload=block(("grpc-status", "0"))), 0, "status 0"),
        (frame(RST_STREAM, payload=number(7)), UNAVAILABLE, "reset the stream with code 7"),
        (frame(GOAWAY, stream=0, payload=number(0) + number(0)), UNAVAILABLE, "closes the connection: code 0"),
        (frame(GOAWAY, stream=0, payload=number(1) + number(11) + b"calm"), UNAVAILABLE, "connection: calm"),
        (frame(DATA, END_STREAM), 2, "without a status"),
        (frame(DATA, payload=b"\x01" + number(1) + b"x"), 13, "compressed"),
        (frame(DATA, payload=b"\0" + number(MAX_MESSAGE)), RESOURCE_EXHAUSTED, "message that is too large"),
        (frame(DATA, payload=bytes(MAX_FRAME + 1))[:9], 13, "frame that is too large"),
        (frame(HEADERS, 0, payload=block(("a", "b"))) + frame(PING, stream=0, payload=bytes(8)), 13, "interrupted"),
        (frame(CONTINUATION, END_HEADERS), 13, "can't be read"),
        (frame(HEADERS, END_HEADERS, payload=b"\xff\xff\xff\xff"), 13, "can't be read"),
        (frame(HEADERS, END_HEADERS, payload=block(("a", "x" * MAX_HEADERS), huffman=False)), 13, "can't be read"),
    ],
)
def test_what_ends_an_rpc_is_said(stream: GrpcStream, data: bytes, code: int, problem: str) -> None:
    stream.receive(data)

    assert stream.ended is not None
    assert stream.ended.code == code
    assert problem in str(stream.ended)


def test_frames_that_say_nothing_here_are_ignored(stream: GrpcStream) -> None:
    stream.receive(
        frame(SETTINGS, stream=0, payload=b"\0\x03" + number(7))
        + frame(0xBE, 0xFF, 99, b"grease")
        + frame(RST_STREAM, stream=3, payload=number(1))
        + frame(DATA, stream=3, payload=message(b"of nobody"))
        + frame(WINDOW_UPDATE, stream=3, payload=number(1))
    )

    assert stream.ended is None
    assert stream.receive(frame(DATA, payload=message(b"a"))) == [b"a"]


pieces = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda kind, flags, on, payload: frame(kind, flags, on, payload),
        st.integers(0, 12),
        st.integers(0, 255),
        st.integers(0, 3),
        st.binary(max_size=40),
    ),
)


@settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(pieces, max_size=20))
def test_no_bytes_break_it(chunks: list[bytes]) -> None:
    stream = GrpcStream("/a.B/C", "core:1", [])
    for chunk in chunks:
        stream.receive(chunk)
        stream.data_to_send()

    assert stream.ended is None or isinstance(stream.ended, StreamEnded)
