"""What is made once for all processes of a test run: the first that needs it makes it, the others wait and copy."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

__all__ = ["made_once"]


@contextlib.contextmanager
def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Return a folder for the time of a block, which nobody may change. The last process that has it removes it.

    Args:
        factory: Of the run.
        name: Of the folder.
        make: Fills it.
    """
    base = factory.getbasetemp()
    # Each process of a run has a folder in that of the run.
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = root / f"once-{name}"
    with (root / f"once-{name}.lock").open("w") as lock:
        while not _is_held(lock.fileno(), folder):
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                unfinished = folder.with_suffix(".new")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
        yield folder
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _is_held(lock: int, folder: Path) -> bool:
    """Share a folder with others, and return whether it is there."""
    fcntl.flock(lock, fcntl.LOCK_SH)
    return folder.exists()
