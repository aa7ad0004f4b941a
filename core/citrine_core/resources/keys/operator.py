"""The operator's first key, which a core leaves in a file for the command line."""

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
from citrine_core.rpc.caller import ALL_SCOPES

__all__ = ["OperatorKeyFile", "has_key"]

logger = logging.getLogger(__name__)

DISPLAY_NAME = "operator (key file)"
"""Name of keys that are made here."""

LIFETIME = timedelta(days=7)
"""How long a key of a file is valid after a core renewed it last."""

RENEWAL = timedelta(hours=1)
"""How often it is renewed."""

_PRIVATE = 0o600


class _State(enum.Enum):
    VALID = enum.auto()
    REVOKED = enum.auto()
    NONE = enum.auto()
    """There is no file, or what is in it never was, or is no longer, an operator's key with all scopes."""


class OperatorKeyFile:
    """A file with an operator key that is valid as long as a core runs that has the file, and somewhat longer.

    Of one file, which is a path on a host, there is one valid key: whoever makes another revokes the one before. So
    cores may have a file each, or share one; and a file that is lost leaves nothing behind.

    Args:
        path: Where it is.
        unit_of_work: Where keys are stored.
        clock: Returns the time now.
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
        """Leave a valid key in the file, readable by its owner alone; return whether a new one was made.

        Raises:
            DatabaseUnavailable: When keys can't be read or stored now.
            OSError: When the file can't be written.
        """
        made = False
        # Another core may write the same file at the same time: what counts is what is in it in the end.
        while await self._look() is not _State.VALID:
            made = await self._replace() or made
        await asyncio.to_thread(self._path.chmod, _PRIVATE)
        return made

    async def renew(self) -> None:
        """Move on the end of the key, or make one where the file is gone meanwhile.

        Raises:
            DatabaseUnavailable: When keys can't be read or stored now.
            OSError: When the file can't be written.
        """
        if await self._look() is not _State.REVOKED:
            await self.ensure()
        elif not self._complained:
            # Another core whose file has this name may have revoked it: to replace it now would go on for ever.
            logger.warning(
                "the key in the operator key file is revoked; a core that starts makes another",
                extra={"key_file": self.name},
            )
            self._complained = True

    async def _look(self) -> _State:
        """Return what is in the file; a key that is valid is renewed."""
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
        """Make a key, revoke the one of this file before, write the file; return False where another core did."""
        key, now = new_key(), self._clock()
        try:
            async with self._unit_of_work() as work:
                keys = KeyRepository(work.session)
                before = await keys.in_file(self.name)
                if before is not None:
                    before.revoke_time, before.replaced_by = now, key.key_id
                    # The index allows one of a file, and rows are inserted before others change.
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
        # Stored first: whoever finds the file can use what is in it.
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
    """Return what a file is called among those of all cores."""
    name = f"{host}:{path.resolve()}"
    # A path may be longer than what a database indexes; what is cut off still counts.
    return name if len(name) <= 300 else f"{name[:235]}#{hashlib.sha256(name.encode()).hexdigest()}"


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
