"""An edge in a process of its own, and what it logs."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.support.waiting import WAIT

__all__ = ["edge_process", "line_with"]


@asynccontextmanager
async def edge_process(*arguments: str, under: Sequence[str] = ()) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an edge with these arguments, by the command ``under``, if there is one."""
    process = await asyncio.create_subprocess_exec(
        *under, sys.executable, "-m", "citrine_edge",
        "--ocpp-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", *arguments,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """Return the next line of the log that has a text in it."""
    assert process.stderr is not None
    async with asyncio.timeout(WAIT):
        while text not in (line := (await process.stderr.readline()).decode()):
            assert line, "the process ended"
    return line
