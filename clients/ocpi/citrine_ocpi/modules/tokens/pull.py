"""Reads the lists of tokens of partners: whole once they registered, or are another party, then what changed."""

import asyncio
import logging
from datetime import datetime, timedelta

import grpc
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from citrine_ocpi.clock import Clock
from citrine_ocpi.db import Database
from citrine_ocpi.encryption import EncryptionKeyError
from citrine_ocpi.modules.tokens.mapping import AnyToken, token_models
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.modules.tokens.store import TokenStore
from citrine_ocpi.partner import Partner
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport.client import PartnerClient, PartnerFailed, PartnerRefused
from citrine_ocpi.transport.envelope import time_text
from citrine_ocpi.transport.errors import OcpiError
from citrine_ocpi.transport.paging import parse_time
from citrine_ocpi.transport.status import InterfaceRole

__all__ = ["TokenPull"]

LOOK = 5.0
"""Seconds between looks at whether a list is due."""

LEASE = timedelta(minutes=10)
"""How long a process may read a list until another one may."""

OVERLAP = timedelta(minutes=5)
"""How much before the last reading, by the partner's clock, what changed is asked for: it may be stored late."""

AFTER_FAILURE = timedelta(minutes=5)

_logger = logging.getLogger(__name__)


class TokenPull:
    """Reads lists of tokens, one replica at a time for each partner. `run` goes on until it is cancelled.

    Args:
        database: Where it is stored how far lists were read.
        partners: Who there is.
        client: Calls them.
        store: Where tokens are stored.
        interval: Between two readings of a list. 0: only once they registered.
        clock: Returns the time now.
    """

    def __init__(
        self,
        database: Database,
        partners: Partners,
        client: PartnerClient,
        store: TokenStore,
        interval: timedelta,
        clock: Clock,
    ) -> None:
        self._database = database
        self._partners = partners
        self._client = client
        self._store = store
        self._interval = interval or timedelta(days=36500)
        self._clock = clock

    async def run(self) -> None:
        """Read what is due until cancelled."""
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    for partner in await self._partners.list_active():
                        # One that is slow holds up no other.
                        tasks.create_task(self._try(partner))
            except (SQLAlchemyError, OSError, EncryptionKeyError) as error:
                _logger.warning("tokens of partners can't be read", extra={"problem": _said(error)})
            await asyncio.sleep(LOOK)

    async def _try(self, partner: Partner) -> None:
        """Read the list of a partner if it is due. What goes wrong with it keeps no other from being read."""
        try:
            await self._pull(partner)
        except Exception as error:
            extra = {"partner": partner.partner_id, "problem": _said(error)}
            _logger.warning("the tokens of a partner could not be read", extra=extra)

    async def _pull(self, partner: Partner) -> None:
        endpoint = partner.endpoint("tokens", InterfaceRole.SENDER)
        if endpoint is None or partner.register_time is None:
            return
        began = self._clock()
        async with self._database.writing() as session:
            repository = TokenRepository(session)
            parties = ",".join(sorted(map(str, partner.owned_parties())))
            row = await repository.claim_pull(partner.partner_id, partner.register_time, parties, began, began + LEASE)
            since = None if row is None else row.until_time
        if row is None:
            return
        problem, due, until = "", began + self._interval, began
        try:
            count, until = await self._read(partner, endpoint.url, None if since is None else since - OVERLAP, began)
            _logger.info("read tokens of a partner", extra={"partner": partner.partner_id, "count": count})
        except (PartnerFailed, PartnerRefused, OcpiError) as error:
            problem = str(error)
        except grpc.aio.AioRpcError as error:
            problem = f"the core: {error.code().name}"
        except Exception as error:
            # Of whatever kind: the lease ends, and the list is read again later.
            problem = _said(error)
        if problem:
            due = self._clock() + AFTER_FAILURE
            extra = {"partner": partner.partner_id, "problem": problem}
            _logger.warning("the tokens of a partner could not be read", extra=extra)
        async with self._database.writing() as session:
            reached = None if problem else until
            await TokenRepository(session).end_pull(partner.partner_id, parties, reached, due, problem)

    async def _read(self, partner: Partner, url: str, since: datetime | None, began: datetime) -> tuple[int, datetime]:
        """Store the tokens of a list, and return how many there were, and up to when the list was read.

        That is by the clock of the partner, whose tokens have its times; a clock that is ahead counts for nothing.
        """
        assert partner.version is not None
        model = token_models(partner.version)[0]
        query = None if since is None else {"date_from": time_text(since)}
        own = await self._partners.own()
        routing = partner.routing(own[0].party) if own else None
        count, until = 0, None
        async for page in self._client.pages(partner, url, module="tokens", query=query, routing=routing):
            until = until or min(_time(page.timestamp) or began, began)
            tokens: dict[tuple[str, str], AnyToken] = {}
            for value in page.data if isinstance(page.data, list) else ():
                try:
                    token = model.model_validate(value)
                except ValidationError as error:
                    extra = {"partner": partner.partner_id, "problem": str(error).replace("\n", " ")[:300]}
                    _logger.warning("a token of a partner is malformed, and left out", extra=extra)
                    continue
                tokens[str(token.uid).lower(), str(token.type)] = token
            stored = await self._store.put(partner.owned_parties(), [*tokens.values()])
            for uid, reason in stored.refused.items():
                extra = {"partner": partner.partner_id, "uid_end": uid[-4:], "problem": reason}
                _logger.warning("a token of a partner is left out", extra=extra)
            count += len(tokens) - len(stored.refused)
        return count, until or began


def _time(text: str) -> datetime | None:
    try:
        return parse_time(text)
    except ValueError:
        return None


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
