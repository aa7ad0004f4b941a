"""Folders in memory for files of databases, where there is room: on a disk commits and new files take their time."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["new_folder"]

_MEMORY = Path("/dev/shm")
"""A file system in memory, as Linux has it."""

_PREFIX = "citrine-tests-of-"

_ROOM = 4 * 2**30
"""Free bytes of it from which on tests use it."""


def new_folder() -> Path | None:
    """Return a new folder in memory, which whoever asks for it removes. None: there is no room.

    What processes left there that were killed is removed before, for nothing else does.
    """
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)):
        return None
    for folder in _MEMORY.glob(f"{_PREFIX}*"):
        if not _is_alive(folder.name.removeprefix(_PREFIX).partition("-")[0]):
            shutil.rmtree(folder, ignore_errors=True)
    if shutil.disk_usage(_MEMORY).free < _ROOM:
        return None
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_MEMORY))


def _is_alive(pid: str) -> bool:
    # Who may not signal a process of another user learns that it lives.
    with contextlib.suppress(PermissionError, ValueError):
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
    return True
