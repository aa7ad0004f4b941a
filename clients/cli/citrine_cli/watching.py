"""The option `--watch`: it prints the output of a command again each time it changes."""

import asyncio
import contextlib
import io
import json
import shutil
import sys
from collections.abc import Awaitable, Callable

import grpc

from citrine_cli.errors import UsageError

__all__ = ["SHORTEST_INTERVAL", "watch"]

SHORTEST_INTERVAL = 0.2
"""Shortest interval in seconds, because each repetition calls the core."""

_CLEAR = "\x1b[H\x1b[2J"
"""Clears a terminal and moves the cursor to its top."""


async def watch(show: Callable[[], Awaitable[None]], interval: float, *, as_json: bool) -> None:
    """Print the output of a command, and again each time it changes, until Ctrl-C.

    A terminal is redrawn, with as many lines as it has; other outputs are appended. JSON is one line each time.

    Args:
        show: Writes the output to stdout. Its errors end this.
        interval: Seconds between two calls.
        as_json: Whether the output is JSON.

    Raises:
        UsageError: When the interval is too short.
        grpc.aio.AioRpcError: When the first call fails, or a later one with another code than UNAVAILABLE.
    """
    if not interval >= SHORTEST_INTERVAL:
        raise UsageError(f"--interval: expected at least {SHORTEST_INTERVAL} seconds")
    redrawn = sys.stdout.isatty() and not as_json
    before, is_disconnected = None, False
    while True:
        page = io.StringIO()
        try:
            with contextlib.redirect_stdout(page):
                await show()
        except grpc.aio.AioRpcError as error:
            # After the first success, a core may restart.
            if before is None or error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            if redrawn and not is_disconnected:
                sys.stdout.write(_drawn(f"{before}no core answers; this is as it was before\n"))
                sys.stdout.flush()
            is_disconnected = redrawn
            await asyncio.sleep(interval)
            continue
        text = page.getvalue()
        if text != before or is_disconnected:
            before, is_disconnected = text, False
            sys.stdout.write(_drawn(text) if redrawn else _one_line(text) if as_json else text)
            sys.stdout.flush()
        await asyncio.sleep(interval)


def _one_line(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n"


def _drawn(text: str) -> str:
    """Return the text to redraw a terminal, with as many lines as it has."""
    lines, most = text.splitlines(), max(shutil.get_terminal_size().lines - 1, 2)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"… {len(lines) - most + 1} more lines"]
    return _CLEAR + "".join(f"{line}\n" for line in lines)
