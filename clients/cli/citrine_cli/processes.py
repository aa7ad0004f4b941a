"""The processes of Citrine, found by entry point: the command line imports neither the core nor the edge.

Each is a function `main(argv) -> int` in the entry point group `citrine.processes`, and reads its flags itself.
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
    ("db", "upgrade"): "upgrade",
}
"""Words of the command line, and the entry point that they name."""

_EXTRAS = {"core": "core", "edge": "edge", "simulate": "simulator", "upgrade": "core"}
"""What has to be installed for each entry point, as an extra of the distribution."""


def process_of(arguments: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the process that a command line names and the arguments that are left for it, or None."""
    for words, name in PROCESSES.items():
        if tuple(arguments[: len(words)]) == words:
            return name, list(arguments[len(words) :])
    return None


def run_process(name: str, arguments: Sequence[str]) -> int:
    """Run a process in this one and return its exit code.

    Raises:
        CliError: When it is not installed.
    """
    # Imported late: most commands start no process, and it takes longer than the rest of this module's users.
    from importlib.metadata import entry_points

    (found, *_) = [*entry_points(group=GROUP, name=name), None]
    if found is None:
        raise CliError(f"{name} is not installed: no entry point {name!r} in {GROUP}")
    # What is imported stays: to look for garbage in it again and again makes a start a fifth longer.
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
