"""Files that only their owner may read, and the lock of a directory by one `citrine up`."""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from citrine_cli.errors import CliError

__all__ = ["ensure_secret", "is_locked", "locked_directory", "read_json", "write_private"]


@contextmanager
def locked_directory(path: Path) -> Iterator[None]:
    """Create a directory that only its owner may enter, and lock it against another `citrine up`.

    Raises:
        CliError: When it can't be created, or another process has locked it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        descriptor = os.open(path / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CliError(f"{path} can't be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CliError(f"citrine up runs already with {path}") from None
        yield
    finally:
        # Closing releases the lock.
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether a process has locked a directory by `locked_directory`."""
    try:
        descriptor = os.open(path / "up.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, atomically."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # mkstemp has created it readable by the owner only.
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def ensure_secret(path: Path) -> None:
    """Write a random secret to a file, unless the file has one already."""
    if path.exists() and path.read_text(encoding="utf-8").strip():
        path.chmod(0o600)
        return
    write_private(path, secrets.token_urlsafe(32) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, or None if there is no file or no object in it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None
