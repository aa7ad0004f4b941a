"""What a command asks before it removes something for good."""

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
"""Option of each command that asks."""


_MAY_NOT_ASK = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses of a key that may remove something, and not read it."""


async def ask_consent(question: str, *, yes: bool, look: Callable[[], Awaitable[object]]) -> None:
    """Ask on a terminal whether something is to be done; a script is not asked.

    Args:
        question: What is to be done, and what follows from it: "remove station CS-1? …".
        yes: Whether it was said before.
        look: Called first where it is asked: raises when the thing does not exist, so that nobody is asked in vain.

    Raises:
        CliError: When the answer is not yes.
        grpc.aio.AioRpcError: When the thing does not exist, or the core can't be asked.
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
    """Return a line of stdin. Ctrl-C ends the wait at once, as it would not where a thread reads."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    # A terminal is readable once a line of it is.
    return sys.stdin.readline()
