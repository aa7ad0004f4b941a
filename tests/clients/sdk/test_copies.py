"""The copy of docs/building-on-citrine.md goes on from where its stream was, also where no event comes for long."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc

from citrine.api.v1.tokens_pb2 import ListTokensResponse
from citrine.events.v1.events_pb2 import Event, TokenChanged
from citrine.events.v1.events_service_pb2 import SubscribeRequest, SubscribeResponse
from tests.clients.scripted_core import ScriptedCore, core
from tests.support.waiting import WAIT

__all__ = ["core"]

PAGE = (Path(__file__).parents[3] / "docs" / "building-on-citrine.md").read_text(encoding="utf-8")

(MIRROR,) = (one for one in re.findall(r"^```python\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL) if "mirror.db" in one)

CHANGED = Event(token="12", token_changed=TokenChanged(kind=TokenChanged.KIND_CREATED))

SENT = {"": [Event(token="30")], "30": [], "0": [CHANGED, Event(token="41")], "41": [Event(token="77")]}
"""What a subscription from a token is sent. Events after any other one are no longer retained."""


def subscribe(request: SubscribeRequest, context: grpc.ServicerContext) -> Iterator[SubscribeResponse]:
    if request.from_token not in SENT:
        context.abort(grpc.StatusCode.OUT_OF_RANGE, "the events after this position are no longer retained")
    ended = threading.Event()
    context.add_callback(ended.set)
    for event in SENT[request.from_token]:
        yield SubscribeResponse(event=event)
    ended.wait()


@contextmanager
def running(directory: Path, address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the program beside a core, and kill it at the end."""
    variables = {**os.environ, "CITRINE_CORE": address, "CITRINE_KEY_FILE": "key"}
    words = [sys.executable, "-c", MIRROR]
    with subprocess.Popen(words, cwd=directory, env=variables, stderr=subprocess.PIPE) as program:
        try:
            yield program
        finally:
            program.kill()


async def test_a_copy_goes_on_from_the_latest_sign_of_life(core: ScriptedCore, tmp_path: Path) -> None:
    core.on("ListTokens", ListTokensResponse())
    core.on("Subscribe", subscribe)
    tmp_path.joinpath("key").write_text("secret")
    for position in ("41", "77"):
        with running(tmp_path, core.address) as program:
            await stored(tmp_path / "mirror.db", position, program)


async def stored(database: Path, position: str, program: "subprocess.Popen[bytes]") -> None:
    """Wait until a program that runs has stored a position."""
    async with asyncio.timeout(WAIT):
        while True:
            assert program.poll() is None, program.stderr and program.stderr.read()
            if database.exists():
                with closing(sqlite3.connect(database)) as opened:
                    has_table = opened.execute("SELECT name FROM sqlite_master WHERE name = 'position'").fetchall()
                    if has_table and opened.execute("SELECT event FROM position").fetchall() == [(position,)]:
                        return
            await asyncio.sleep(0.05)
