"""The operator's first key, which a core leaves in a file for the command line."""

import asyncio
import contextlib
import os
from datetime import datetime
from pathlib import Path

from citrine_core.clock import Clock, utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.ids import new_code
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.repository import KeyRepository
from citrine_core.resources.keys.secrets import is_secret, new_key, read_key
from citrine_core.rpc.caller import ALL_SCOPES

__all__ = ["ensure_operator_key", "has_key"]

DISPLAY_NAME = "operator (key file)"
"""Name of keys that are made here."""

_PRIVATE = 0o600


async def ensure_operator_key(path: Path, unit_of_work: UnitOfWorkFactory, clock: Clock = utc_now) -> bool:
    """Leave a valid operator key in a file that only its owner can read; return whether a new one was made.

    A key that is there and still valid is kept.

    Raises:
        DatabaseUnavailable: When keys can't be read or stored now.
        OSError: When the file can't be written.
    """
    text = await asyncio.to_thread(_read, path)
    if text is not None and await _is_valid(text, unit_of_work, clock()):
        await asyncio.to_thread(path.chmod, _PRIVATE)
        return False
    key = new_key()
    row = ApiKey(
        key_id=key.key_id,
        tenant_id=None,
        display_name=DISPLAY_NAME,
        scopes=ALL_SCOPES,
        secret_hash=key.secret_hash,
        create_time=clock(),
    )
    # Stored first: whoever finds the file can use what is in it.
    async with unit_of_work() as work:
        await KeyRepository(work.session).add(row)
        await work.commit()
    await asyncio.to_thread(_write, path, f"{key}\n")
    return True


async def has_key(unit_of_work: UnitOfWorkFactory) -> bool:
    """Tell whether there is any API key.

    Raises:
        DatabaseUnavailable: When keys can't be read now.
    """
    async with unit_of_work(read_only=True) as work:
        return await KeyRepository(work.session).has_any()


async def _is_valid(text: str, unit_of_work: UnitOfWorkFactory, now: datetime) -> bool:
    key = read_key(text)
    if key is None:
        return False
    async with unit_of_work(read_only=True) as work:
        row = await KeyRepository(work.session).find(key.key_id)
    return (
        row is not None
        and row.revoke_time is None
        and (row.expire_time is None or row.expire_time > now)
        and row.tenant_id is None
        and row.scopes == ALL_SCOPES
        and is_secret(key, row.secret_hash)
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    # Made private before anything is in it, and put in place whole.
    temporary = path.with_name(f".{path.name}.{new_code(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
