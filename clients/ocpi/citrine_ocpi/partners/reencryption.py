"""Encrypts the stored tokens of partners anew, once another key encrypts."""

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from citrine_ocpi.db import Database
from citrine_ocpi.encryption import TokenCipher
from citrine_ocpi.key_file import EncryptionKeyError
from citrine_ocpi.partners.repository import PartnerRepository

__all__ = ["Reencryption"]

INTERVAL = timedelta(minutes=1)

_logger = logging.getLogger(__name__)


class Reencryption:
    """Encrypts tokens by the present key. `run` goes on until it is cancelled.

    Args:
        database: Where partners are.
        cipher: Has the keys.
    """

    def __init__(self, database: Database, cipher: TokenCipher) -> None:
        self._database = database
        self._cipher = cipher

    async def run(self) -> None:
        """Look every minute, until cancelled."""
        while True:
            try:
                await self.encrypt()
            except (SQLAlchemyError, OSError, EncryptionKeyError) as error:
                problem = " ".join(str(error).split())
                _logger.warning("the tokens of partners can't be encrypted anew", extra={"problem": problem})
            await asyncio.sleep(INTERVAL.total_seconds())

    async def encrypt(self) -> int:
        """Encrypt by the present key what another one encrypted, and return how many tokens that were.

        Raises:
            EncryptionKeyError: When the key of one is not in the file; the others are encrypted.
        """
        count, problem = 0, None
        async with self._database.reading() as session:
            partner_ids = [row.partner_id for row in await PartnerRepository(session).list_all() if row.token]
        for partner_id in partner_ids:
            try:
                count += await self._encrypt(partner_id)
            except EncryptionKeyError as error:
                problem = error
        if count:
            _logger.info("the tokens of partners were encrypted anew", extra={"tokens": count})
        if problem is not None:
            raise problem
        return count

    async def _encrypt(self, partner_id: str) -> bool:
        async with self._database.reading() as session:
            row = await PartnerRepository(session).find(partner_id)
            if row is None or self._cipher.encrypted_anew(row.token, partner_id) == row.token:
                return False
        async with self._database.writing() as session:
            row = await PartnerRepository(session).lock(partner_id)
            if row is None or not row.token:
                return False
            row.token = self._cipher.encrypted_anew(row.token, partner_id)
            return True
