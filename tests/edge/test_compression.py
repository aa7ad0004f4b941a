"""permessage-deflate, with the other side of it from the same library."""

from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.compression import SMALL, SparingDeflate
from tests.edge.conftest import RunningEdge
from tests.support.fake_core import FakeCore

HEARTBEAT = '[2,"m1","Heartbeat",{}]'
ANSWER = '[3,"m1",{"currentTime":"2025-01-31T12:00:00Z"}]'


@pytest.mark.parametrize(
    ("options", "negotiated"),
    [
        ({}, "server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=12"),
        (
            {"client_max_window_bits": None},
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
        ),
    ],
)
async def test_compression_remembers_little_of_each_station(
    core: FakeCore, edge: RunningEdge, options: dict[str, Any], negotiated: str
) -> None:
    """Part 4, 3.4: the CSMS supports compression."""
    core.reply = lambda call: pb.CallError(
        code="GenericError", description="x" * 255 if call.message_id == "long" else ""
    )
    factory = ClientPerMessageDeflateFactory(**options)
    subprotocols: Any = ["ocpp2.0.1"]
    async with connect(
        f"ws://{edge.ocpp}/CS1", subprotocols=subprotocols, extensions=[factory], compression=None
    ) as websocket:
        for message_id in ("m1", "m1", "long", "m1"):
            await websocket.send(HEARTBEAT.replace("m1", message_id))
            description = "x" * 255 if message_id == "long" else ""
            assert await websocket.recv() == f'[4,"{message_id}","GenericError","{description}",{{}}]'

        assert websocket.response is not None
        header = websocket.response.headers["Sec-WebSocket-Extensions"]
        assert header == f"permessage-deflate; {negotiated}"


@pytest.mark.parametrize("size", [0, SMALL - 1, SMALL, 10 * SMALL])
def test_only_what_is_large_is_compressed(size: int) -> None:
    ours, theirs = SparingDeflate(False, True, 12, 12), SparingDeflate(True, False, 12, 12)
    for _ in range(2):
        frame = ours.encode(Frame(Opcode.TEXT, b"x" * size))

        assert frame.rsv1 is (size >= SMALL)
        assert bytes(theirs.decode(frame, max_size=100_000).data) == b"x" * size
