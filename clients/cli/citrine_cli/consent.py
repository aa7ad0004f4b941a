"""Confirmation of commands that remove something for good."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import grpc
import typer

from citrine_cli.errors import CliError
from citrine_cli.line_breaks import broken, columns_of

__all__ = ["Yes", "ask_consent"]

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")]
"""Option of each command that asks for confirmation."""


_MAY_NOT_ASK = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses of a key that may remove something but not read it."""


async def ask_consent(question: str, *, yes: bool, look: Callable[[], Awaitable[object]]) -> None:
    """Ask for confirmation on a terminal. Scripts are not asked.

    Args:
        question: The action and its consequences: "remove station CS-1? …".
        yes: Whether --yes is given.
        look: Called before the question; raises when the thing does not exist.

    Raises:
        CliError: When the answer is not yes.
        grpc.aio.AioRpcError: When the thing does not exist, or the call fails.
    """
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    try:
        await look()
    except grpc.aio.AioRpcError as error:
        if error.code() not in _MAY_NOT_ASK:
            raise
    sys.stderr.write("\n".join(broken(f"{question} [y/N] ", columns_of(sys.stderr))))
    sys.stderr.flush()
    if (await _line()).strip().lower() not in ("y", "yes"):
        raise CliError("nothing was done")


async def _line() -> str:
    """Return a line of stdin. Without a thread, so that Ctrl-C ends the wait at once."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    # A terminal becomes readable with a complete line.
    return sys.stdin.readline()
