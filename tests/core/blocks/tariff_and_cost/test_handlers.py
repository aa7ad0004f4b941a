"""CostUpdated on a whole core, with stations played by the test."""

from typing import Any

from citrine.api.v1 import tariff_and_cost_pb2 as pb
from citrine.api.v1 import transactions_pb2
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2.tariff_and_cost_pb2 import CostUpdatedRequest, CostUpdatedResponse
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore


async def test_I02_the_cost_that_a_station_was_told_is_kept_with_the_transaction(core: RunningCore) -> None:
    # Any: the types of stubs are those of synchronous channels.
    costs: Any = core.stub(TariffAndCostServiceStub)
    transactions: Any = core.stub(TransactionsServiceStub)
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        edge.on_command = lambda command: CostUpdatedResponse()
        await station.call(started(0))

        answer = await costs.CostUpdated(
            pb.CostUpdatedRequest(
                target=CommandTarget(station_id="CS-1"),
                request=CostUpdatedRequest(total_cost=4.5, transaction_id="T-1"),
            )
        )

    assert answer.HasField("response")
    found = await transactions.GetTransaction(transactions_pb2.GetTransactionRequest(transaction_id="T-1"))
    assert found.total_cost == 4.5
