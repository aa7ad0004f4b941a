"""ListTransactions by what somebody looks for, on a whole core."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import update

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_CHARGING, CHARGING_STATE_ENUM_SUSPENDED_EV
from citrine_core.blocks.transactions import Transaction
from citrine_core.resources.stations.models import StationGroup
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.statements import statements


async def charge(core: RunningCore) -> None:
    """Have two stations charge: T-1 has ended and is settled, T-2 and T-3 are active, T-2 of a token of a group."""
    # Any: the types of stubs are those of synchronous channels.
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="C0FFEE00", type="ISO14443", group_id="Fleet")))
    await core.add_station("CS-1", registration=1)
    await core.add_station("CS-2", registration=1)
    async with core.core.unit_of_work() as work:
        work.session.add(StationGroup(tenant_id="default", group_name="north", station_id="CS-2"))
        await work.commit()
    async with core.edge() as edge:
        first, second = await edge.connect("CS-1", PASSWORD), await edge.connect("CS-2", PASSWORD)
        await first.call_all([started(0, 1000.0, evse=(1, 1)), ended(1, 2000.0)])
        await first.call(started(0, 5000.0, evse=(2, 1), transaction_id="T-2", id_token="C0:FF:EE:00"))
        await first.call(
            updated(1, 5100.0, transaction_id="T-2", info={"charging_state": CHARGING_STATE_ENUM_CHARGING})
        )
        await second.call(started(0, 1000.0, evse=(1, 1), transaction_id="T-3"))


async def test_transactions_are_listed_by_what_somebody_looks_for(core: RunningCore) -> None:
    await charge(core)
    api: Any = core.stub(TransactionsServiceStub)

    async def ids(**fields: Any) -> Sequence[str]:
        listed = await api.ListTransactions(pb.ListTransactionsRequest(**fields))
        return [one.transaction_id for one in listed.transactions]

    assert await ids() == ["T-3", "T-2", "T-1"]
    assert await ids(evse_id=1) == ["T-3", "T-1"]
    assert await ids(evse_id=1, station_id="CS-1") == ["T-1"]
    assert await ids(group_id="Fleet") == ["T-2"]
    assert await ids(group_id="fleet-2") == []
    assert await ids(charging_state=CHARGING_STATE_ENUM_CHARGING) == ["T-2"]
    assert await ids(charging_state=CHARGING_STATE_ENUM_SUSPENDED_EV) == []
    assert await ids(unsettled_only=True) == ["T-3", "T-2"]
    assert await ids(active_only=True, unsettled_only=True) == ["T-3", "T-2"]
    assert await ids(transaction_ids=["T-1", "T-3", "T-9"]) == ["T-3", "T-1"]
    assert await ids(transaction_ids=["T-1", "T-3"], active_only=True) == ["T-3"]
    assert await ids(stations=StationSelector(groups=["north"])) == ["T-3"]
    assert await ids(stations=StationSelector(station_ids=["CS-1"]), evse_id=2) == ["T-2"]

    with pytest.raises(grpc.aio.AioRpcError) as too_many:
        await ids(transaction_ids=[f"T-{number}" for number in range(1001)])
    assert too_many.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    page = await api.ListTransactions(pb.ListTransactionsRequest(page_size=1, unsettled_only=True))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.ListTransactions(pb.ListTransactionsRequest(page_size=1, page_token=page.next_page_token))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_list_of_a_selection_begins_with_the_stations_that_are_selected(core: RunningCore) -> None:
    await charge(core)
    api: Any = core.stub(TransactionsServiceStub)
    request = pb.ListTransactionsRequest(page_size=1, stations=StationSelector(station_ids=["CS-1"]))

    with statements(core.core.engine) as seen:
        first = await api.ListTransactions(request)
    request.page_token = first.next_page_token
    second = await api.ListTransactions(request)

    # Of each station, from which of its transactions on it has a page.
    assert [statement for statement, _ in seen if "max((SELECT own.sequence" in statement]
    assert [one.transaction_id for one in (*first.transactions, *second.transactions)] == ["T-2", "T-1"]
    assert second.next_page_token == ""


async def test_what_was_settled_is_listed_once_nothing_earlier_can_come(core: RunningCore) -> None:
    """Who was away goes on from the latest time that they saw, and misses nothing that is committed late."""
    await charge(core)
    api: Any = core.stub(TransactionsServiceStub)
    since = TimeRange()
    since.start.FromDatetime(datetime.now(UTC) - timedelta(days=1))

    just_now = await api.ListTransactions(pb.ListTransactionsRequest(settle_time=since))
    async with core.core.unit_of_work() as work:
        settled = update(Transaction).where(Transaction.settle_time.is_not(None))
        await work.session.execute(settled.values(settle_time=datetime.now(UTC) - timedelta(minutes=2)))
        await work.commit()
    later = await api.ListTransactions(pb.ListTransactionsRequest(settle_time=since))

    assert list(just_now.transactions) == []
    assert [one.transaction_id for one in later.transactions] == ["T-1"]
