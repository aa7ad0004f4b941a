"""ListTransactionCosts by transactions and tokens, with what each cost is made of, on a whole core."""

from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from citrine.api.v1.tariff_and_cost_pb2 import ListTransactionCostsRequest, TransactionCost
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_transaction_costs import OWN, PER_KWH, Costs, connect
from tests.support.charging import ended, started, updated
from tests.support.core import RunningCore


async def charge(core: RunningCore, api: Costs) -> None:
    """Have a station charge: T-1 has ended, T-2 is of a token, T-3 goes on."""
    await api.assign(PER_KWH)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call_all([started(0, 0), ended(1, 10000)])
        await station.call_all(
            [started(0, 0, transaction_id="T-2", id_token=OWN), ended(1, 5000, transaction_id="T-2")]
        )
        await station.call_all([started(0, 0, transaction_id="T-3"), updated(1, 2000, transaction_id="T-3")])


async def listed(api: Costs, **fields: Any) -> Sequence[TransactionCost]:
    answer = await api.costs.ListTransactionCosts(ListTransactionCostsRequest(**fields))
    return list(answer.costs)


async def test_costs_are_listed_by_transactions_and_tokens(core: RunningCore) -> None:
    api = Costs(core)
    await charge(core, api)

    async def ids(**fields: Any) -> Sequence[str]:
        return [one.transaction_id for one in await listed(api, **fields)]

    assert await ids(transaction_ids=["T-1", "T-3", "T-9"]) == ["T-3", "T-1"]
    assert await ids(transaction_ids=["T-1", "T-9"], station_id="CS-1") == ["T-1"]
    assert await ids(id_token="AA:00:BB:11") == ["T-2"]
    assert await ids(id_token=OWN, transaction_ids=["T-1"]) == []
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ids(transaction_ids=[f"T-{number}" for number in range(1001)])
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_costs_are_whole_in_a_list_where_that_is_asked_for(core: RunningCore) -> None:
    """The tariff, which many costs share, is named by its id, version and currency alone."""
    api = Costs(core)
    await charge(core, api)

    running, over = await listed(api, transaction_ids=["T-1", "T-3"], include_breakdown=True)
    short = await listed(api, transaction_ids=["T-1", "T-3"])

    shown = [await api.of("T-3"), await api.of("T-1")]
    assert over.cost == shown[1].cost
    assert [line.quantity for line in running.cost.lines] == [line.quantity for line in shown[0].cost.lines]
    assert [len(one.cost.periods) for one in (running, over)] == [1, 1]
    assert [one.cost.taxes[0].percent for one in (running, over)] == ["19", "19"]
    assert [one.cost.total for one in short] == [one.cost.total for one in shown]
    assert [len(one.cost.lines) + len(one.cost.periods) for one in short] == [0, 0]
    assert (over.tariff.tariff_id, over.tariff.currency, len(over.tariff.elements)) == ("KWH", "EUR", 0)


async def test_a_cost_without_a_price_by_time_has_a_period_as_well(core: RunningCore) -> None:
    """Who reads many costs knows by the periods whether they are whole."""
    api = Costs(core)
    await api.assign(tariff(element(component("FLAT", "2"))))
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0))
        (begun,) = await listed(api, include_breakdown=True)
        await station.call(ended(1, 0, minutes=10))
        (over,) = await listed(api, include_breakdown=True)

    assert [len(one.cost.periods) for one in (begun, over)] == [1, 1]
