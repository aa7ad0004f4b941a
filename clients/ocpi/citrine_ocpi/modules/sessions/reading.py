"""Reads transactions and what they cost from the core, those of many events by two calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import grpc

from citrine.api.v1.tariff_and_cost_pb2 import (
    GetTransactionCostRequest,
    ListTransactionCostsRequest,
    TransactionCost,
)
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionsRequest, Transaction
from citrine_sdk import Citrine

__all__ = ["Name", "TransactionReader", "found_or_none"]

Name = tuple[str, str]
"""A station and a transaction of it."""

AnswerT = TypeVar("AnswerT")

REMEMBERED = 60.0
"""Seconds for which a core is not asked for lists again that answered one with what nobody asked for."""

MOST_AT_A_TIME = 200
"""Transactions of one list."""


CALLS_AT_A_TIME = 20
"""Calls that are under way at the same time, where each transaction is asked for by itself."""


class _OtherAnswer(Exception):
    """A list has what was not asked for."""


@dataclass(frozen=True)
class _List:
    """A list of the core, and the call that reads one of it."""

    # Any: two lists of two types.
    call: Any
    request: Callable[..., Any]
    field: str
    """Of its pages."""
    get: Callable[[Name], Awaitable[Any]]


class TransactionReader:
    """Reads transactions and costs as they are now.

    A core that is older than this adapter does not know the filter by ids, and answers all that it has; and stations
    may use the same ids. So an answer counts only if it has nothing but what was asked for. Else each is asked for by
    itself.

    Args:
        citrine: The core.
    """

    def __init__(self, citrine: Citrine) -> None:
        self._citrine = citrine
        self._single_until = 0.0
        self._whole_until = 0.0
        """Until when costs of lists are taken for whole: the core listed some with periods."""

    async def transactions(self, names: Collection[Name]) -> Mapping[Name, Transaction]:
        """Return transactions, those that the core has."""
        asked = _List(
            self._citrine.transactions.ListTransactions, ListTransactionsRequest, "transactions", self._transaction
        )
        return await self._read(asked, names)

    async def costs(self, names: Collection[Name]) -> Mapping[Name, TransactionCost]:
        """Return what transactions cost, with periods and taxes, where a tariff applies."""
        request = partial(ListTransactionCostsRequest, include_breakdown=True)
        asked = _List(self._citrine.tariff_and_cost.ListTransactionCosts, request, "costs", self._cost)
        found: dict[Name, TransactionCost] = await self._read(asked, names)
        if time.monotonic() < self._whole_until:
            # Those without have none yet.
            return found
        # A core that does not know `include_breakdown` says no more than the total.
        short = [name for name, cost in found.items() if cost.HasField("cost") and not cost.cost.periods]
        return found | await self._each(asked, short)

    async def _read(self, asked: _List, names: Collection[Name]) -> dict[Name, Any]:
        found: dict[Name, Any] = {}
        wanted = [*names]
        for first in range(0, len(wanted), MOST_AT_A_TIME):
            part = wanted[first : first + MOST_AT_A_TIME]
            if len(part) > 1 and time.monotonic() >= self._single_until:
                try:
                    found |= await self._list(asked, part)
                    continue
                except _OtherAnswer:
                    self._single_until = time.monotonic() + REMEMBERED
            found |= await self._each(asked, part)
        return found

    async def _each(self, asked: _List, names: Sequence[Name]) -> dict[Name, Any]:
        limit = asyncio.Semaphore(CALLS_AT_A_TIME)

        async def get(name: Name) -> Any:
            async with limit:
                return await asked.get(name)

        answers = await asyncio.gather(*map(get, names))
        return {name: one for name, one in zip(names, answers, strict=True) if one is not None}

    async def _list(self, asked: _List, names: Sequence[Name]) -> dict[Name, Any]:
        """Return what a list has of some transactions.

        Raises:
            _OtherAnswer: When it has something else.
        """
        wanted = {*names}
        request = asked.request(transaction_ids=sorted({one for _, one in wanted}), page_size=len(wanted))
        found: dict[Name, Any] = {}
        async for page in self._citrine.pages(asked.call, request):
            for one in getattr(page, asked.field):
                name = (one.station_id, one.transaction_id)
                if name not in wanted:
                    raise _OtherAnswer
                found[name] = one
        if asked.field == "costs" and any(one.cost.periods for one in found.values()):
            self._whole_until = time.monotonic() + REMEMBERED
        return found

    async def _transaction(self, name: Name) -> Transaction | None:
        request = GetTransactionRequest(station_id=name[0], transaction_id=name[1])
        return await found_or_none(partial(self._citrine.transactions.GetTransaction, request))

    async def _cost(self, name: Name) -> TransactionCost | None:
        request = GetTransactionCostRequest(station_id=name[0], transaction_id=name[1])
        return await found_or_none(partial(self._citrine.tariff_and_cost.GetTransactionCost, request))


async def found_or_none(call: Callable[[], Awaitable[AnswerT]]) -> AnswerT | None:
    """Return what the core has. None: it has no such thing."""
    try:
        return await call()
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
