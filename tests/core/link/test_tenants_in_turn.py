"""What one tenant's stations bring does not delay those of another."""

import pytest

from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_AVAILABLE, StatusNotificationRequest
from citrine.ocpp.v2.diagnostics_pb2 import NotifyPeriodicEventStream
from citrine_core.dispatch.dispatcher import MAX_BATCH
from citrine_core.link import servicer
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import timestamp

FLOOD = 20 * MAX_BATCH

# A batch of each of two lanes under way, and that with the message itself: a fourth for what is answered meanwhile.
MOST_BETWEEN = 4 * MAX_BATCH


def status() -> StatusNotificationRequest:
    return StatusNotificationRequest(
        timestamp=timestamp(), connector_status=CONNECTOR_STATUS_ENUM_AVAILABLE, evse_id=1, connector_id=1
    )


async def test_a_station_waits_for_the_batch_under_way_however_much_another_tenant_has_waiting(
    core: RunningCore,
) -> None:
    await core.add_tenant("other")
    await core.add_station("CS-1", tenant_id="other")
    await core.add_station("CS-1")
    async with core.edge() as edge:
        flooding = await edge.connect("CS-1", PASSWORD)
        alone = await edge.connect("CS-1", PASSWORD, tenant_id="other")
        flood = [edge.put_call(flooding.ref, status()) for _ in range(FLOOD)]

        between = []
        for _ in range(4):
            before = edge.answered(flood)
            await alone.call(status())
            between.append(edge.answered(flood) - before)

        assert max(between) <= MOST_BETWEEN
        assert edge.answered(flood) < FLOOD
        # Nobody lost anything by it.
        for call_id in flood:
            await edge.answer_to(call_id)


async def test_sends_that_nobody_answers_are_dropped_before_other_tenants_wait_for_them(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicer, "MOST_SENDS", 10)
    await core.add_tenant("other")
    await core.add_station("CS-1", tenant_id="other")
    await core.add_station("CS-1")
    async with core.edge() as edge:
        flooding = await edge.connect("CS-1", PASSWORD)
        alone = await edge.connect("CS-1", PASSWORD, tenant_id="other")
        for _ in range(100):
            await flooding.send(NotifyPeriodicEventStream(id=1))

        await alone.call(status())

    dropped = 'citrine_core_refused_messages_total{code="too_many_sends_of_tenant",outcome="dropped"} '
    (line,) = [line for line in core.core.metrics.render().decode().splitlines() if line.startswith(dropped)]
    # Those before may have been handled.
    assert float(line.removeprefix(dropped)) >= 50
