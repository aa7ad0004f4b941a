"""A station that refuses to stop transactions gives no power once a limit is reached, on real processes."""

import asyncio
from typing import Any

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine_simulator import Station, StationConfig
from tests.support.deployment import Deployment
from tests.support.load import PASSWORD, register
from tests.support.waiting import WAIT


async def refuse(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer that nothing is stopped."""
    return {"status": "Rejected"}


async def test_F03_FR_01_a_station_that_does_not_stop_gives_no_power_after_the_limit(
    shared: Deployment,
) -> None:
    async with shared.client() as citrine:
        await register(citrine, ["SIM-1"])
        station = Station(StationConfig(station_id="SIM-1", url=shared.url(), password=PASSWORD, auto_meter=False))
        station.on_call("RequestStopTransaction", refuse)
        await station.start()
        await station.wait_for("accepted")
        await station.plug_in()
        transaction_id = await station.start_transaction()
        await station.wait_for("queue_empty")
        meter = station.parts.charging.evses[1].meter
        before = meter.power
        limits = citrine.transaction_limits
        named = {"station_id": "SIM-1", "transaction_id": transaction_id}
        reached = pb.UsageLimit()
        reached.max_time.FromSeconds(1)
        await limits.SetTransactionLimit(pb.SetTransactionLimitRequest(limit=reached, **named))
        throttled = await until(limits, named, pb.THROTTLE_STATE_ACCEPTED)
        after = meter.power
        await limits.SetTransactionLimit(pb.SetTransactionLimitRequest(limit=pb.UsageLimit(max_energy_wh=1e6), **named))
        released = await until(limits, named, pb.THROTTLE_STATE_UNSPECIFIED)
        again = meter.power
        await station.stop()

    assert before > 0
    assert (after, throttled.state) == (0, pb.LIMIT_STATE_STOPPING), shared.problems()
    assert again == before
    assert released.state == pb.LIMIT_STATE_ACTIVE


# Any: the types of stubs are those of synchronous channels.
async def until(limits: Any, named: dict[str, str], state: int) -> pb.TransactionLimit:
    """Ask for a limit until its throttle is in a state."""
    async with asyncio.timeout(WAIT):
        while True:
            found: pb.TransactionLimit = await limits.GetTransactionLimit(pb.GetTransactionLimitRequest(**named))
            if found.throttle.state == state:
                return found
            await asyncio.sleep(0.05)
