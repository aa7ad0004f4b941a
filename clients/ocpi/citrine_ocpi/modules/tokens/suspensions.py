"""Has the core refuse the tokens of partners that are suspended or not connected: nobody would pay for them."""

import asyncio
import logging

import grpc
from sqlalchemy.exc import SQLAlchemyError

from citrine.api.v1 import tokens_pb2 as pb
from citrine_ocpi.db import Database
from citrine_ocpi.encryption import EncryptionKeyError
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport.routing import Party
from citrine_sdk import Citrine

__all__ = ["REASON", "OwnerSuspensions"]

LOOK = 2.0
"""Seconds between looks at which partners are connected."""

ASK = 300.0
"""Seconds after which the core is asked what is suspended there, although nothing changed here."""

TIMEOUT = 10.0

REASON = "OCPI: not connected, or suspended"
"""By this the adapter knows its own suspensions: those of the operator stay as they are."""

_logger = logging.getLogger(__name__)


class OwnerSuspensions:
    """Has the core know whose tokens are refused. `run` goes on until it is cancelled.

    A party is suspended whose tokens we have, or is behind a connection, and is not behind one that is in use. It is
    resumed once it is behind one again, and never only because nothing is known of it any more.

    Args:
        database: Of the adapter.
        partners: Says who is connected.
    """

    def __init__(self, database: Database, partners: Partners) -> None:
        self._database = database
        self._partners = partners
        self._reported: object = None
        """What was reported to the core last."""

    async def run(self, citrine: Citrine) -> None:
        """Report to the core what changed, until cancelled."""
        asked, is_wrong = 0.0, False
        while True:
            now = asyncio.get_running_loop().time()
            try:
                if now - asked >= ASK:
                    self._reported, asked = None, now
                await self.report(citrine)
                is_wrong = False
            except (grpc.aio.AioRpcError, SQLAlchemyError, OSError, EncryptionKeyError) as error:
                if not is_wrong:
                    problem = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
                    _logger.warning(
                        "whose tokens are refused could not be reported to the core", extra={"problem": problem}
                    )
                is_wrong = True
            await asyncio.sleep(LOOK)

    async def report(self, citrine: Citrine) -> None:
        """Report to the core whose tokens are refused, unless that was reported last.

        Raises:
            grpc.aio.AioRpcError: When the core can't be reached.
        """
        if self._reported == await self.parties():
            return
        present = await _present(citrine)
        # Read last: a command may have changed it meanwhile, and reported it.
        wanted, active = await self.parties()
        for party in sorted(wanted - present, key=str):
            request = pb.SuspendTokenOwnerRequest(
                country_code=party.country_code, party_id=party.party_id, reason=REASON
            )
            await citrine.tokens.SuspendTokenOwner(request, timeout=TIMEOUT)
            _logger.info("the tokens of a party are refused", extra={"party": str(party)})
        for party in sorted(present & active, key=str):
            await _resume(citrine, party)
            _logger.info("the tokens of a party are no longer refused", extra={"party": str(party)})
        self._reported = (wanted, active)

    async def parties(self) -> tuple[frozenset[Party], frozenset[Party]]:
        """Return the parties whose tokens are to be refused, and those whose tokens are not."""
        partners = await self._partners.list_all()
        in_use = [one for one in partners if one.is_registered and not one.is_suspended]
        active = {party for one in in_use for party in one.owned_parties()} | {*await self._partners.own_parties()}
        async with self._database.reading() as session:
            known = {*await TokenRepository(session).parties()}
        known |= {party for one in partners for party in one.owned_parties()}
        return frozenset(known - active), frozenset(active)


async def _present(citrine: Citrine) -> set[Party]:
    """Return the parties that the core has suspended for our reason."""
    found: set[Party] = set()
    request = pb.ListTokenOwnerSuspensionsRequest(page_size=1000)
    async for page in citrine.pages(citrine.tokens.ListTokenOwnerSuspensions, request, timeout=TIMEOUT):
        found |= {Party(one.country_code, one.party_id) for one in page.suspensions if one.reason == REASON}
    return found


async def _resume(citrine: Citrine, party: Party) -> None:
    request = pb.ResumeTokenOwnerRequest(country_code=party.country_code, party_id=party.party_id, reason=REASON)
    try:
        await citrine.tokens.ResumeTokenOwner(request, timeout=TIMEOUT)
    except grpc.aio.AioRpcError as error:
        # Another replica was first.
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
