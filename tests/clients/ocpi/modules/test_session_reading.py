"""Transactions and costs are read by lists, and one by one from a core that does not know how to list them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from citrine.api.v1.tariff_and_cost_pb2 import (
    GetTransactionCostRequest,
    ListTransactionCostsRequest,
    ListTransactionCostsResponse,
    TransactionCost,
)
from citrine.api.v1.tariffs_pb2 import Amount, Cost, CostPeriod
from citrine.api.v1.transactions_pb2 import (
    GetTransactionRequest,
    ListTransactionsRequest,
    ListTransactionsResponse,
    Transaction,
)
from citrine_ocpi.modules.sessions.reading import TransactionReader
from citrine_sdk import Citrine
from tests.clients.scripted_core import ScriptedCore, start

STORED = [("CS-1", "T-1"), ("CS-1", "T-2"), ("CS-2", "T-3"), ("CS-3", "T-4")]

ASKED = [("CS-1", "T-1"), ("CS-2", "T-3"), ("CS-2", "T-9")]


class StoredCore(ScriptedCore):
    """A core that has some transactions."""

    def __init__(self, *, is_older: bool, names: list[tuple[str, str]] = STORED) -> None:
        """Say whether it was made before lists could be filtered by ids, and ignores that filter."""
        super().__init__()
        self.is_older = is_older
        self.names = names
        self.begun: set[tuple[str, str]] = set()
        """What costs nothing yet."""
        self.on("ListTransactions", self._list)
        self.on("ListTransactionCosts", self._list_costs)
        self.on("GetTransaction", self._get)
        self.on("GetTransactionCost", self._get_cost)

    def calls(self) -> list[str]:
        """Return what was called since the last time, in alphabetical order."""
        called = sorted(one.method for one in self.seen)
        self.seen.clear()
        return called

    def _listed(self, request: Any) -> list[tuple[str, str]]:
        wanted = None if self.is_older else {*request.transaction_ids}
        return [name for name in self.names if wanted is None or name[1] in wanted]

    def _list(self, request: ListTransactionsRequest, context: Any) -> ListTransactionsResponse:
        found = [Transaction(station_id=one, transaction_id=other) for one, other in self._listed(request)]
        return ListTransactionsResponse(transactions=found)

    def _list_costs(self, request: ListTransactionCostsRequest, context: Any) -> ListTransactionCostsResponse:
        is_whole = request.include_breakdown and not self.is_older
        names = self._listed(request)
        return ListTransactionCostsResponse(
            costs=[_cost(one, whole=is_whole and one not in self.begun) for one in names]
        )

    def _get(self, request: GetTransactionRequest, context: Any) -> Transaction:
        if (request.station_id, request.transaction_id) not in self.names:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such transaction")
        return Transaction(station_id=request.station_id, transaction_id=request.transaction_id)

    def _get_cost(self, request: GetTransactionCostRequest, context: Any) -> TransactionCost:
        if (request.station_id, request.transaction_id) not in self.names:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such transaction")
        return _cost((request.station_id, request.transaction_id), whole=True)


def _cost(name: tuple[str, str], *, whole: bool) -> TransactionCost:
    cost = Cost(currency="EUR", total=Amount(after_tax="1.00"), periods=[CostPeriod(energy_kwh="1")] if whole else [])
    return TransactionCost(station_id=name[0], transaction_id=name[1], cost=cost)


@pytest.fixture
def serve() -> Iterator[Any]:
    """Start a core, until the test is over."""
    servers: list[grpc.Server] = []

    def begin(core: StoredCore) -> StoredCore:
        servers.append(start(core))
        return core

    yield begin
    for one in servers:
        one.stop(grace=None).wait()


async def read(core: StoredCore, asked: list[tuple[str, str]], times: int = 1) -> AsyncIterator[Any]:
    """Yield the transactions and the costs that are read of some, several times."""
    async with Citrine(core.address) as citrine:
        reader = TransactionReader(citrine)
        for _ in range(times):
            yield await reader.transactions(asked), await reader.costs(asked)


async def test_transactions_and_their_costs_are_read_by_one_call_each(serve: Any) -> None:
    core = serve(StoredCore(is_older=False))

    async for transactions, costs in read(core, ASKED):
        assert [*transactions] == [*costs] == [("CS-1", "T-1"), ("CS-2", "T-3")]
        assert [len(one.cost.periods) for one in costs.values()] == [1, 1]

    assert core.calls() == ["ListTransactionCosts", "ListTransactions"]


async def test_of_an_older_core_which_lists_all_each_is_read_by_itself(serve: Any) -> None:
    """It answers what nobody asked for, and is not asked for lists again."""
    core = serve(StoredCore(is_older=True))
    called = []

    async for transactions, costs in read(core, ASKED, times=2):
        called.append(core.calls())
        assert [*transactions] == [*costs] == [("CS-1", "T-1"), ("CS-2", "T-3")]
        assert [len(one.cost.periods) for one in costs.values()] == [1, 1]

    each = ["GetTransaction"] * 3 + ["GetTransactionCost"] * 3
    assert called == [sorted([*each[:3], *each[3:], "ListTransactions"]), each]


async def test_of_an_older_core_that_has_no_other_transactions_costs_are_whole_as_well(serve: Any) -> None:
    """Nothing else shows that it does not know how to list whole costs."""
    core = serve(StoredCore(is_older=True, names=ASKED[:2]))

    async for transactions, costs in read(core, ASKED[:2]):
        assert [*transactions] == [*costs] == ASKED[:2]
        assert [len(one.cost.periods) for one in costs.values()] == [1, 1]

    assert core.calls() == ["GetTransactionCost"] * 2 + ["ListTransactionCosts", "ListTransactions"]


async def test_a_core_that_lists_whole_costs_is_not_asked_again_for_one_that_has_no_periods_yet(serve: Any) -> None:
    core = serve(StoredCore(is_older=False))
    core.begun = {ASKED[0]}

    async for _, costs in read(core, ASKED):
        assert [len(one.cost.periods) for one in costs.values()] == [0, 1]

    assert core.calls() == ["ListTransactionCosts", "ListTransactions"]


async def test_stations_that_use_the_same_ids_are_told_apart(serve: Any) -> None:
    core = serve(StoredCore(is_older=False, names=[*STORED, ("CS-9", "T-1")]))

    async for transactions, costs in read(core, ASKED):
        assert {*transactions} == {*costs} == {("CS-1", "T-1"), ("CS-2", "T-3")}
