"""The job that encrypts secrets anew: those stored in clear, and those of keys that are not the present one."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from citrine_core.db import UnitOfWorkFactory
from citrine_core.encryption.cipher import Cipher, SecretUnreadable, key_id_of
from citrine_core.encryption.repository import SecretColumn, SecretRepository
from citrine_core.errors import FailedPrecondition
from citrine_core.jobs import Job

__all__ = ["Reencryption"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(minutes=1)
"""Interval at which a core looks whether another key encrypts."""

MOST = 200
"""Secrets that are encrypted in one transaction."""


class Reencryption:
    """Encrypts secrets with the present key, when a core starts and once another key encrypts.

    Any core may do it: a row changes only if it is still as it was read.

    Args:
        unit_of_work: Opens transactions.
        cipher: Has the keys.
        columns: All columns with secrets.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory, cipher: Cipher, columns: Sequence[SecretColumn]) -> None:
        self._unit_of_work = unit_of_work
        self._cipher = cipher
        self._columns = columns
        self._done = ""
        """Mark of the key with which all was encrypted."""
        self.job = Job("secrets to encrypt anew", INTERVAL, self.run)

    async def run(self) -> None:
        """Encrypt what the present key did not encrypt, unless that is done."""
        try:
            mark = await self._cipher.current_mark()
        except FailedPrecondition as error:
            logger.warning("stored secrets can't be encrypted", extra={"problem": str(error)})
            return
        if not mark or mark == self._done:
            return
        for column in self._columns:
            await self._run(column, mark)
        self._done = mark

    async def _run(self, column: SecretColumn, mark: str) -> None:
        after: tuple[str, ...] = ()
        encrypted = unreadable = 0
        while True:
            async with self._unit_of_work(read_only=True) as work:
                found = await SecretRepository(work.session).find_others(column, mark, after, MOST)
            if not found:
                break
            after = found[-1].key
            anew = []
            for secret in found:
                context = column.context(*secret.key)
                try:
                    clear = await self._cipher.decrypt(secret.text, context)
                except SecretUnreadable:
                    unreadable += 1
                    continue
                anew.append((secret, await self._cipher.encrypt(clear, context)))
            async with self._unit_of_work() as work:
                repository = SecretRepository(work.session)
                for secret, text in anew:
                    await repository.replace(column, secret, text)
                await work.commit()
            encrypted += len(anew)
        about = {"table": column.table.name, "key_id": key_id_of(mark)}
        if encrypted:
            logger.info("stored secrets were encrypted anew", extra={**about, "secrets": encrypted})
        if unreadable:
            logger.warning(
                "stored secrets can't be decrypted: their key is missing", extra={**about, "secrets": unreadable}
            )
