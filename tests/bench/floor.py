"""The floor: a bare websocket server that parses each frame and answers it, and does nothing else.

No validation, no gRPC, no database. What Citrine costs is given as a multiple of what this costs in the same run.
"""

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path

import orjson
import uvloop
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

NOW = b'{"currentTime":"2026-01-01T00:00:00Z"}'
BOOT = b'{"currentTime":"2026-01-01T00:00:00Z","interval":300,"status":"Accepted"}'
ANSWERS = {"BootNotification": BOOT, "Heartbeat": NOW}


async def answer(websocket: ServerConnection) -> None:
    """Answer each CALL of one station."""
    async for frame in websocket:
        _, message_id, action, _ = orjson.loads(frame)
        payload = ANSWERS.get(action, b"{}")
        await websocket.send(b'[3,"%b",%b]' % (message_id.encode(), payload), text=True)


async def run(ready_file: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server: Server
    async with serve(
        answer,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol("ocpp2.1"), Subprotocol("ocpp2.0.1")],
        compression=None,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        part = ready_file.with_suffix(".part")
        part.write_text(json.dumps({"ocpp": f"127.0.0.1:{port}", "pid": os.getpid()}))
        part.rename(ready_file)
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop, as Citrine does")
    options = parser.parse_args()
    (uvloop.run if options.uvloop else asyncio.run)(run(options.ready_file))
