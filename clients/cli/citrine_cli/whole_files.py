"""Files that a command writes: they are there once they are whole."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from citrine_cli.errors import UsageError

__all__ = ["written_whole"]


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[IO[str]]:
    """Write a file beside the one of this name, which it replaces at the end; where it ends early, that one stays.

    A file that is replaced keeps its mode; a new one is readable by its owner alone.
    What is no regular file, as a pipe or /dev/stdout, is written as it goes, and so is a file in a folder that takes no
    other one.

    Raises:
        UsageError: When it can't be written.
    """
    target = Path(os.path.realpath(path))
    try:
        part = _new_part(target)
        try:
            # A full disk may be found out about as late as the file is closed.
            with (part or target).open("w", encoding="utf-8", newline="") as text:
                yield text
            if part is not None:
                if target.exists():
                    shutil.copymode(target, part)
                part.replace(target)
        except BaseException:
            if part is not None:
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: {os.strerror(error.errno) if error.errno else error}") from error


def _new_part(target: Path) -> Path | None:
    """Return a new file of this command beside a target; None where the target is to be written in place."""
    if target.exists() and not target.is_file():
        return None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".citrine-", suffix=".part")
    except OSError:
        if target.is_file():
            return None
        raise
    os.close(handle)
    return Path(name)
