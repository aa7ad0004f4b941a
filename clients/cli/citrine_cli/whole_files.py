"""Files that a command writes: they are there once they are whole."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from citrine_cli.errors import UsageError

__all__ = ["written_whole"]


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[IO[str]]:
    """Write a file beside the one of this name, which it replaces at the end; where it ends early, that one stays.

    What is no regular file, as a pipe or /dev/stdout, is written as it goes.

    Raises:
        UsageError: When it can't be written.
    """
    target = Path(os.path.realpath(path))
    try:
        in_place = target.exists() and not target.is_file()
        part = target if in_place else target.with_name(f"{target.name}.part")
        with part.open("w", encoding="utf-8", newline="") as text:
            try:
                yield text
            except BaseException:
                if not in_place:
                    part.unlink(missing_ok=True)
                raise
        if not in_place:
            part.replace(target)
    except OSError as error:
        raise UsageError(f"{path}: {os.strerror(error.errno) if error.errno else error}") from error
