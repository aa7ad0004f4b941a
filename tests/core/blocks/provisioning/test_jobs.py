"""Stations that are new, or boot with other firmware, are asked for their inventory, on a whole core."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.message import Message

from citrine.api.v1.tenants_pb2 import Tenant, UpdateTenantRequest
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import GenericDeviceModelStatusEnum
from citrine_core.blocks.provisioning import jobs
from citrine_core.resources.stations.models import Station
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeEdge

FULL = ocpp.REPORT_BASE_ENUM_FULL_INVENTORY
ACCEPTED = GenericDeviceModelStatusEnum.GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED
REJECTED = GenericDeviceModelStatusEnum.GENERIC_DEVICE_MODEL_STATUS_ENUM_REJECTED


def boot(firmware: str = "1.0", reason: ocpp.BootReasonEnum.ValueType = ocpp.BOOT_REASON_ENUM_POWER_UP) -> Message:
    hardware = ocpp.ChargingStation(model="Wallbox", vendor_name="Example", firmware_version=firmware)
    return ocpp.BootNotificationRequest(charging_station=hardware, reason=reason)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    """A core that leaves new stations no time."""
    async with running_core(database_url, tmp_path, inventory_delay=timedelta(0)) as running:
        yield running


async def due_time(core: RunningCore) -> datetime | None:
    async with core.core.unit_of_work(read_only=True) as work:
        return (await work.session.get_one(Station, ("default", "CS-1"))).inventory_due_time


async def set_due_time(core: RunningCore, time: datetime) -> None:
    async with core.core.unit_of_work() as work:
        (await work.session.get_one(Station, ("default", "CS-1"))).inventory_due_time = time
        await work.commit()


async def due(core: RunningCore) -> bool:
    return await due_time(core) is not None


async def asked(core: RunningCore, edge: FakeEdge) -> list[int]:
    """Run the job, and return which base reports the station was asked for meanwhile."""
    before = len(edge.commands)
    await jobs.Inventories(core.core.services).run()
    requests = [unwrap(command.request) for command in edge.commands[before:]]
    return [request.report_base for request in requests if isinstance(request, ocpp.GetBaseReportRequest)]


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other than the test run the job."""
    monkeypatch.setattr(jobs, "INVENTORY_INTERVAL", timedelta(hours=1))


async def test_B07_FR_14_a_new_station_is_asked_once(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.GetBaseReportResponse(status=ACCEPTED)
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(boot())

        assert await asked(core, edge) == [FULL]
        await station.call(boot())
        assert await asked(core, edge) == []

        await station.call(boot("1.1"))
        assert await asked(core, edge) == [FULL]


async def test_B07_FR_13_a_station_that_cannot_just_now_is_asked_again(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.GetBaseReportResponse(status=REJECTED)
        await (await edge.connect("CS-1", PASSWORD)).call(boot())

        assert await asked(core, edge) == [FULL]

    assert await due(core)


async def test_a_station_that_has_no_such_report_is_left_alone(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        edge.on_command = lambda command: link.CommandFailure(
            reason=link.CommandFailure.REASON_CALL_ERROR, error=link.CallError(code="NotImplemented")
        )
        await (await edge.connect("CS-1", PASSWORD)).call(boot())

        assert await asked(core, edge) == [FULL]

    assert not await due(core)


async def test_a_tenant_may_switch_it_off(core: RunningCore) -> None:
    await core.add_station("CS-1")
    request = UpdateTenantRequest(tenant=Tenant(tenant_id="default", asks_inventory=False))
    request.update_mask.paths.append("asks_inventory")
    changed = await core.stub(TenantsServiceStub).UpdateTenant(request)
    async with core.edge() as edge:
        await (await edge.connect("CS-1", PASSWORD)).call(boot())

        assert await asked(core, edge) == []

    assert not changed.asks_inventory
    assert not await due(core)


async def test_a_station_that_is_not_accepted_is_asked_once_it_is(core: RunningCore) -> None:
    await core.add_station("CS-1", boot_policy=2)
    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.GetBaseReportResponse(status=ACCEPTED)
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(boot())
        assert await asked(core, edge) == []
        async with core.core.unit_of_work() as work:
            (await work.session.get_one(Station, ("default", "CS-1"))).boot_policy = 1
            await work.commit()
        await station.call(boot())

        assert await asked(core, edge) == [FULL]


async def test_a_station_that_is_gone_when_it_is_due_is_looked_at_later(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.GetBaseReportResponse(status=ACCEPTED)
        station = await edge.connect("CS-1", PASSWORD)
        await station.call(boot())
        await station.close()
        # What comes later on the link shows that the end of the session is stored.
        await core.add_station("CS-2")
        await (await edge.connect("CS-2", PASSWORD)).call(HeartbeatRequest())
        before = await due_time(core)

        assert await asked(core, edge) == []
        postponed = await due_time(core)
        assert before is not None
        assert postponed is not None
        assert postponed - before >= jobs.INVENTORY_OF_ABSENT

        await (await edge.connect("CS-1", PASSWORD)).call(HeartbeatRequest())
        await set_due_time(core, before)
        assert await asked(core, edge) == [FULL]


async def test_a_station_that_was_gone_and_boots_is_asked_soon(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.GetBaseReportResponse(status=ACCEPTED)
        await (await edge.connect("CS-1", PASSWORD)).call(boot())
        await set_due_time(core, core.core.services.clock() + jobs.INVENTORY_OF_ABSENT)
        assert await asked(core, edge) == []

        await (await edge.connect("CS-1", PASSWORD)).call(boot())
        assert await asked(core, edge) == [FULL]
