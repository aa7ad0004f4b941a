"""The first tariff of a tenant, which has cores look at costs that had nothing to do with them before."""

from pathlib import Path

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine_core.db.upgrade import upgrade
from tests.core.blocks.tariff_and_cost.test_transaction_costs import PER_KWH, Costs, connect
from tests.support.charging import ended, started
from tests.support.core import running_core


async def test_it_prices_what_begins_and_ends_at_another_core_right_afterwards(
    postgres_url: str, tmp_path: Path
) -> None:
    await upgrade(postgres_url)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    async with (
        running_core(postgres_url, tmp_path / "one") as one,
        running_core(postgres_url, tmp_path / "other") as other,
        other.edge() as edge,
    ):
        station = await connect(other, edge)
        await station.call(started(0, 1000, transaction_id="T-0"))
        await Costs(one).assign(PER_KWH)

        # As from a queue: its end is there before the core asks again whether there are tariffs.
        await station.call(started(0, 1000))
        await station.call(ended(1, 11000))

        cost = await Costs(other).of()
    assert cost.state == cost_pb.COST_STATE_FINAL
    assert (cost.cost.total.after_tax, cost.tariff.tariff_id) == ("4.17", "KWH")
