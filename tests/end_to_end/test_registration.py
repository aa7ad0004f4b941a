"""A station that is registered but not yet accepted (B02, B03)."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import GetBaseReportRequest
from citrine.api.v1.reports_pb2 import REPORT_KIND_DEVICE_MODEL, GetReportRunRequest
from citrine.api.v1.stations_pb2 import (
    AcceptStationRequest,
    BootPolicy,
    CreateStationRequest,
    Station,
    UpdateStationRequest,
)
from citrine.api.v1.tenants_pb2 import UNKNOWN_STATIONS_HOLD, Tenant, UpdateTenantRequest
from citrine.ocpp.v2 import provisioning_pb2
from tests.support.deployment import Deployment
from tests.support.raw_station import RawStation, raw_station

PASSWORD = "correct-horse-battery"
STATUS = {"timestamp": "2026-03-01T10:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


@contextlib.asynccontextmanager
async def booted(deployment: Deployment, policy: int) -> AsyncIterator[RawStation]:
    """Register a station under a boot policy and boot it."""
    async with deployment.client() as citrine:
        await citrine.stations.CreateStation(
            CreateStationRequest(
                station=Station(station_id="CS-1", boot_policy=policy, boot_interval=7),  # type: ignore[arg-type]
                password=PASSWORD,
            )
        )
    async with raw_station(deployment.url(), "CS-1", PASSWORD) as station:
        await station.boot()
        yield station


async def test_B02_FR_09_a_pending_station_may_not_send_what_nobody_asked_for(shared: Deployment) -> None:
    async with booted(shared, BootPolicy.BOOT_POLICY_PENDING) as station:
        boot = await station.boot()
        refused = await station.ask("StatusNotification", STATUS)

    assert (boot["status"], boot["interval"]) == ("Pending", 7)
    assert refused[0] == 4
    assert refused[2] == "SecurityError"


async def test_B02_FR_11_a_pending_station_may_send_the_report_that_was_asked_for(
    shared: Deployment,
) -> None:
    report = {
        "requestId": 5,
        "generatedAt": "2026-03-01T10:00:00Z",
        "seqNo": 0,
        "reportData": [
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "SecurityProfile"},
                "variableAttribute": [{"value": "1"}],
            }
        ],
    }
    async with (
        booted(shared, BootPolicy.BOOT_POLICY_PENDING) as station,
        shared.client() as citrine,
    ):
        asked = citrine.provisioning.GetBaseReport(
            GetBaseReportRequest(
                target=CommandTarget(station_id="CS-1"),
                request=provisioning_pb2.GetBaseReportRequest(
                    request_id=5, report_base=provisioning_pb2.REPORT_BASE_ENUM_FULL_INVENTORY
                ),
            )
        )
        action, payload = await station.answer({"status": "Accepted"})
        await asked
        answer = await station.result("NotifyReport", report)
        run = await citrine.reports.GetReportRun(
            GetReportRunRequest(station_id="CS-1", kind=REPORT_KIND_DEVICE_MODEL, request_id=5)
        )

    assert (action, payload) == ("GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"})
    assert answer == {}
    assert run.complete
    assert run.items == 1


async def test_B03_FR_07_a_rejected_station_may_send_nothing_but_its_boot(shared: Deployment) -> None:
    async with booted(shared, BootPolicy.BOOT_POLICY_REJECTED) as station:
        refused = await station.ask("Heartbeat", {})
        boot = await station.boot()

    assert refused[2] == "SecurityError"
    assert boot["status"] == "Rejected"


async def test_the_registration_outlives_reconnects_and_restarts(deployment: Deployment) -> None:
    """Nobody has to boot after a mere reconnect (field practice), and nobody is let in by one."""
    async with booted(deployment, BootPolicy.BOOT_POLICY_ACCEPTED) as station:
        assert await station.result("StatusNotification", STATUS) == {}
    for process in deployment.processes:
        process.stop()
        process.start()
        await process.ready()

    async with raw_station(deployment.url(), "CS-1", PASSWORD, patient=True) as station:
        accepted = await station.ask("StatusNotification", STATUS)
        async with deployment.client() as citrine:
            await citrine.stations.UpdateStation(
                UpdateStationRequest(station=Station(station_id="CS-1", boot_policy=BootPolicy.BOOT_POLICY_PENDING))
            )
        await station.boot()
    async with raw_station(deployment.url(), "CS-1", PASSWORD) as station:
        pending = await station.ask("StatusNotification", STATUS)

    assert accepted[0] == 3
    assert pending[2] == "SecurityError"


@pytest.mark.in_turn
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_nothing_is_sent_that_nobody_asked_for(shared: Deployment, version: str) -> None:
    async with shared.client() as citrine:
        await citrine.stations.CreateStation(
            CreateStationRequest(station=Station(station_id="CS-1"), password=PASSWORD)
        )
    async with raw_station(shared.url(), "CS-1", PASSWORD, version) as station:
        await station.boot()
        # Whatever the boot caused would come before these answers or among them.
        for _ in range(5):
            frame = await station.ask("Heartbeat", {})
            assert frame[0] == 3
        assert not station._kept


async def test_station_that_nobody_knows_is_pending_until_an_operator_accepts_it(shared: Deployment) -> None:
    async with shared.client() as citrine:
        tenant = Tenant(tenant_id=shared.tenant or "", unknown_stations=UNKNOWN_STATIONS_HOLD)
        mask = FieldMask(paths=["unknown_stations"])
        await citrine.tenants.UpdateTenant(UpdateTenantRequest(tenant=tenant, update_mask=mask))
        async with raw_station(shared.url(), "NEW-1", PASSWORD) as station:
            boots = [(await station.boot())["status"]]
            refused = await station.ask("StatusNotification", STATUS)
            await citrine.stations.AcceptStation(AcceptStationRequest(station_id="NEW-1"))
            asked = await station.answer({"status": "Accepted"})
            boots.append((await station.boot())["status"])
            taken = await station.result("StatusNotification", STATUS)

    assert boots == ["Pending", "Accepted"]
    assert refused[2] == "SecurityError"
    assert asked == ("TriggerMessage", {"requestedMessage": "BootNotification"})
    assert taken == {}
