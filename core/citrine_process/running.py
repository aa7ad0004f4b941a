"""How a process runs: its event loop, its end by a signal, its version, and how others learn that it is ready."""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["announce_ready", "loop_factory", "software_version", "stop_by_signal"]


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes an event loop: the faster one where there is one."""
    try:
        import uvloop
    except ImportError:
        # There is none for Windows.
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def stop_by_signal() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; the second one cancels the task that called this."""
    loop, stop, serving = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()
    assert serving is not None

    def on_signal() -> None:
        if stop.is_set():
            # Asked twice: now.
            serving.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


@cache
def software_version() -> str:
    """Return the version of Citrine that is installed."""
    try:
        return metadata.version("citrine-csms")
    except metadata.PackageNotFoundError:
        return "unknown"


def announce_ready(path: Path | None, addresses: Mapping[str, str]) -> None:
    """Write addresses and process id to a file as JSON, so that who sees it sees all of it. None: nobody wants it.

    Raises:
        OSError: When it can't be written.
    """
    if path is None:
        return
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        json.dump({**addresses, "pid": os.getpid()}, file)
    os.replace(file.name, path)
