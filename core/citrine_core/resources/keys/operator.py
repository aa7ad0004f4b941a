"""The operator's first key, which a core writes into a file for the command line."""

import asyncio
import contextlib
import enum
import hashlib
import logging
import os
import socket
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from citrine_core.clock import Clock, utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.ids import new_code
from citrine_core.jobs import Job
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.repository import KeyRepository
from citrine_core.resources.keys.secrets import KeyText, is_secret, new_key, read_key
from citrine_core.rpc.roles import ALL_SCOPES

__all__ = ["OperatorKeyFile", "has_key"]

logger = logging.getLogger(__name__)

DISPLAY_NAME = "operator (key file)"
"""Display name of the keys that this module creates."""

LIFETIME = timedelta(days=7)
"""How long a key of a file is valid after its last renewal by a core."""

RENEWAL = timedelta(hours=1)
"""Interval at which cores renew it."""

_PRIVATE = 0o600


class _State(enum.Enum):
    VALID = enum.auto()
    REVOKED = enum.auto()
    NONE = enum.auto()
    """There is no file, or its content is not, or no longer, an operator's key with all scopes."""


class OperatorKeyFile:
    """A file with an operator key that is valid while a core with this file runs, and for a time after.

    A file, which is a path on a host, has one valid key: a core that creates another revokes the previous one. So
    cores may have a file each, or share one, and the key of a deleted file does not stay valid.

    Args:
        path: Path of the file.
        unit_of_work: Opens units of work to store keys.
        clock: Returns the current time.
        host: Name of this machine.
    """

    def __init__(
        self, path: Path, unit_of_work: UnitOfWorkFactory, clock: Clock = utc_now, host: str | None = None
    ) -> None:
        self._path = path
        self._unit_of_work = unit_of_work
        self._clock = clock
        self.name = _name(host or socket.gethostname(), path)
        self._complained = False
        self.job = Job("operator key", RENEWAL, self.renew)

    async def ensure(self) -> bool:
        """Ensure that the file has a valid key, readable by its owner only; return whether a new key was created.

        Raises:
            DatabaseUnavailable: When keys can't be read or stored now.
            OSError: When the file can't be written.
        """
        made = False
        # Another core may write the same file concurrently: what counts is the final content of the file.
        while await self._look() is not _State.VALID:
            made = await self._replace() or made
        await asyncio.to_thread(self._path.chmod, _PRIVATE)
        return made

    async def renew(self) -> None:
        """Extend the validity of the key, or create a new key if the file no longer exists.

        Raises:
            DatabaseUnavailable: When keys can't be read or stored now.
            OSError: When the file can't be written.
        """
        if await self._look() is not _State.REVOKED:
            await self.ensure()
        elif not self._complained:
            # Another core with a file of this name may have revoked the key: two cores would replace keys for ever.
            logger.warning(
                "the key in the operator key file is revoked; a core that starts makes another",
                extra={"key_file": self.name},
            )
            self._complained = True

    async def _look(self) -> _State:
        """Return the state of the file; a valid key is renewed."""
        text = await asyncio.to_thread(_read, self._path)
        key = read_key(text) if text is not None else None
        if key is None:
            return _State.NONE
        now = self._clock()
        async with self._unit_of_work() as work:
            keys = KeyRepository(work.session)
            row = await keys.find(key.key_id)
            if row is None or not is_secret(key, row.secret_hash):
                return _State.NONE
            if row.tenant_id is not None or row.scopes != ALL_SCOPES:
                return _State.NONE
            if row.revoke_time is not None:
                return _State.REVOKED
            if row.expire_time is not None and row.expire_time <= now:
                return _State.NONE
            await keys.renew(key.key_id, now, now + LIFETIME)
            await work.commit()
        return _State.VALID

    async def _replace(self) -> bool:
        """Create a key, revoke the previous one of the file, write the file; return False if another core did."""
        key, now = new_key(), self._clock()
        try:
            async with self._unit_of_work() as work:
                keys = KeyRepository(work.session)
                before = await keys.in_file(self.name)
                if before is not None:
                    before.revoke_time, before.replaced_by = now, key.key_id
                    # The index allows one valid key per file, and a flush inserts rows before it updates others.
                    await work.session.flush()
                work.session.add(_row(key, self.name, now))
                await work.commit()
        except IntegrityError:
            return False
        if before is not None:
            logger.warning(
                "the operator key file was gone or not valid: another key was made, the one before is revoked",
                extra={"key_file": self.name, "key_id": key.key_id, "revoked_key_id": before.key_id},
            )
        # The key is stored before the file is written, so that a reader of the file can use it.
        await asyncio.to_thread(_write, self._path, f"{key}\n")
        return True


async def has_key(unit_of_work: UnitOfWorkFactory) -> bool:
    """Return whether there is any API key.

    Raises:
        DatabaseUnavailable: When keys can't be read now.
    """
    async with unit_of_work(read_only=True) as work:
        return await KeyRepository(work.session).has_any()


def _row(key: KeyText, key_file: str, now: datetime) -> ApiKey:
    return ApiKey(
        key_id=key.key_id,
        tenant_id=None,
        display_name=DISPLAY_NAME,
        scopes=ALL_SCOPES,
        secret_hash=key.secret_hash,
        create_time=now,
        expire_time=now + LIFETIME,
        key_file=key_file,
    )


def _name(host: str, path: Path) -> str:
    """Return the name of a file that is unique among the files of all cores."""
    name = f"{host}:{path.resolve()}"
    # A path may be longer than a database can index; a hash stands for the part that is cut off.
    return name if len(name) <= 300 else f"{name[:235]}#{hashlib.sha256(name.encode()).hexdigest()}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    # The file gets its mode before its content, and is moved into place when it is complete.
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
