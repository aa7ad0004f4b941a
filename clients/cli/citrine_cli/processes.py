"""The processes of Citrine, found by entry points, because the CLI imports neither the core nor the edge.

Each is a function `main(argv) -> int` in the entry point group `citrine.processes`, and parses its own flags.
"""

import gc
from collections.abc import Callable, Sequence

from citrine_cli.errors import CliError

__all__ = ["PROCESSES", "process_of", "run_process"]

GROUP = "citrine.processes"

PROCESSES = {
    ("core",): "core",
    ("edge",): "edge",
    ("simulate",): "simulate",
    ("console",): "console",
    ("ocpi", "serve"): "ocpi",
    ("ocpi", "emsp"): "ocpi-emsp",
    ("db", "upgrade"): "upgrade",
    ("db", "rotate-key"): "rotate-key",
}
"""Entry points by the words of the command line."""

_EXTRAS = {
    "core": "core",
    "edge": "edge",
    "simulate": "simulator",
    "console": "console",
    "ocpi": "ocpi",
    "ocpi-emsp": "ocpi",
    "upgrade": "core",
    "rotate-key": "core",
}
"""Extra of the distribution that each entry point requires."""


def process_of(arguments: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the process that a command line names and its arguments, or None."""
    for words, name in PROCESSES.items():
        if tuple(arguments[: len(words)]) == words:
            return name, list(arguments[len(words) :])
    return None


def run_process(name: str, arguments: Sequence[str]) -> int:
    """Run a process in this one and return its exit code.

    Raises:
        CliError: When it is not installed.
    """
    # Imported here, because it takes long and most commands start no process.
    from importlib.metadata import entry_points

    (found, *_) = [*entry_points(group=GROUP, name=name), None]
    if found is None:
        raise CliError(f"{name} is not installed: no entry point {name!r} in {GROUP}")
    # Imported objects are never garbage; without collections a start is a fifth faster.
    gc.disable()
    try:
        process: Callable[[list[str]], int] = found.load()
    except ModuleNotFoundError as error:
        extra = f"; pip install 'citrine-csms[{_EXTRAS[name]}]'" if name in _EXTRAS else ""
        raise CliError(f"{name} is not installed: module {error.name} is missing{extra}") from error
    finally:
        gc.freeze()
        gc.enable()
    return process(list(arguments))
