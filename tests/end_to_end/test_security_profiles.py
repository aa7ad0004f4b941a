"""Security profiles 2 and 3 from end to end: real processes, real TLS, and stations of the simulator."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1.security_pb2 import CERTIFICATE_ORDER_STATE_INSTALLED, ListCertificateOrdersRequest
from citrine.api.v1.security_profile_upgrades_pb2 import (
    SECURITY_PROFILE_UPGRADE_STATE_ORDERING,
    SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED,
    CreateSecurityProfileUpgradeRequest,
    GetSecurityProfileUpgradeRequest,
)
from citrine.api.v1.stations_pb2 import (
    CreateStationRequest,
    GetStationRequest,
    HandshakeRefusal,
    ListHandshakeRefusalsRequest,
    Station,
)
from citrine.ocpp.v2.provisioning_pb2 import (
    OCPP_INTERFACE_ENUM_WIRED0,
    OCPP_TRANSPORT_ENUM_JSON,
    OCPP_VERSION_ENUM_OCPP20,
    NetworkConnectionProfile,
)
from tests.edge.tls_files import tls_settings
from tests.support.deployment import Deployment, deploy
from tests.support.pki import Authority
from tests.support.quick_commands import quick_citrine
from tests.support.waiting import WAIT

PASSWORD = "correct-horse-battery"
AUTHORITY = Authority.root()


@pytest.fixture
async def deployment(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A core and an edge that listens for all security profiles."""
    settings: dict[str, Any] = tls_settings(AUTHORITY, tmp_path, mutual=True)
    settings["ocpps_client_ca_file"] = str(settings["ocpps_client_ca_file"])
    certificate, key = AUTHORITY.own.write(tmp_path, "authority")
    settings |= {"station_ca_certificate_file": str(certificate), "station_ca_key_file": str(key)}
    async with deploy(sqlite_url, tmp_path, migrated=True, **settings) as running:
        async with running.client() as citrine:
            for station_id in ("SIM-0001", "SIM-0002"):
                station = Station(station_id=station_id)
                await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
                AUTHORITY.issue(station_id).write(tmp_path, station_id)
        yield running


async def simulate(deployment: Deployment, listener: str, *options: str) -> tuple[int, str]:
    """Return exit code and output of a boot storm of two stations at a listener."""
    address = json.loads(deployment.edges[0].ready_file.read_text())[listener]
    url = f"{'ws' if listener == 'ocpp' else 'wss'}://{address}"
    done = await asyncio.to_thread(
        subprocess.run,
        [str(quick_citrine()), "simulate", "--stations=2", "--scenario=boot-storm", f"--url={url}", *options],
        cwd=deployment.directory,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


async def test_stations_rise_through_the_security_profiles_and_do_not_come_back(deployment: Deployment) -> None:
    """Until an operator lets one of them."""
    password = f"--password={PASSWORD}"
    secured = ("--profile=2", "--ca-file=stations.pem", password)
    certified = ("--profile=3", "--ca-file=stations.pem", "--certificate-file={id}.pem", "--key-file={id}.key")
    for listener, options in (("ocpp", (password,)), ("ocpps", secured), ("ocpps_mtls", certified)):
        code, said = await simulate(deployment, listener, *options)
        assert code == 0, said

    code, _ = await simulate(deployment, "ocpps", *secured, "--for=3s")
    assert code == 1
    async with deployment.client() as citrine:
        station = await citrine.stations.GetStation(GetStationRequest(station_id="SIM-0001"))
        assert (station.security_profile, len(station.certificates)) == (3, 1)
        async with asyncio.timeout(WAIT):
            while not (listed := await citrine.stations.ListHandshakeRefusals(ListHandshakeRefusalsRequest())).refusals:
                await asyncio.sleep(0.1)
        assert listed.refusals[0].reason == HandshakeRefusal.REASON_LOWER_SECURITY_PROFILE

    lowered = await asyncio.to_thread(
        subprocess.run,
        [str(quick_citrine()), "station", "lower-profile", "SIM-0001", "2"],
        env={"CITRINE_CORE": deployment.core_addresses[0], "CITRINE_KEY": deployment.key, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert lowered.stdout == "station SIM-0001 may connect with security profile 2 or higher\n", lowered.stderr
    code, said = await simulate(deployment, "ocpps", *secured, "--station=SIM-0001")
    assert code == 0, said


async def test_a_station_orders_its_certificate_by_password_and_has_it_the_next_time(deployment: Deployment) -> None:
    """And is not let in by its password any more (A05.FR.07)."""
    addresses = json.loads(deployment.edges[0].ready_file.read_text())
    certified = ("--profile=3", "--ca-file=stations.pem", "--state-dir=state", "--events", "--scenario=charge")
    order = (f"--order-url=wss://{addresses['ocpps']}", f"--password={PASSWORD}", "--station=SIM-0001", "--for=6s")

    first, said = await simulate(deployment, "ocpps_mtls", *certified, *order)
    again, then = await simulate(deployment, "ocpps_mtls", *certified, *order)

    assert (first, again) == (0, 0), said + then
    assert "certificate installed" in said
    assert "certificate ordered" not in then
    async with deployment.client() as citrine:
        station = await citrine.stations.GetStation(GetStationRequest(station_id="SIM-0001"))
        orders = await citrine.security.ListCertificateOrders(ListCertificateOrdersRequest())
    assert (station.security_profile, len(station.certificates)) == (3, 1)
    assert [one.state for one in orders.certificate_orders] == [CERTIFICATE_ORDER_STATE_INSTALLED]


async def test_A05_a_station_is_moved_from_profile_1_to_3_and_orders_its_certificate_on_the_way(
    deployment: Deployment,
) -> None:
    addresses = json.loads(deployment.edges[0].ready_file.read_text())
    station = await asyncio.create_subprocess_exec(
        *(str(quick_citrine()), "simulate", "--station=SIM-0001", f"--password={PASSWORD}", "--for=2m", "--pause=1h"),
        *(f"--url=ws://{addresses['ocpp']}", "--ca-file=stations.pem", "--state-dir=state"),
        *("--variable", "OCPPCommCtrlr.RetryBackOffWaitMinimum=1"),
        cwd=deployment.directory,
    )
    try:
        async with deployment.client() as citrine, asyncio.timeout(WAIT):
            about = GetStationRequest(station_id="SIM-0001")
            while not (await citrine.stations.GetStation(about)).HasField("boot_time"):
                await asyncio.sleep(0.1)
            connection = NetworkConnectionProfile(
                ocpp_interface=OCPP_INTERFACE_ENUM_WIRED0,
                ocpp_transport=OCPP_TRANSPORT_ENUM_JSON,
                ocpp_version=OCPP_VERSION_ENUM_OCPP20,
                ocpp_csms_url=f"wss://{addresses['ocpps_mtls']}",
                security_profile=3,
                message_timeout=30,
            )
            upgrade = await citrine.security_profile_upgrades.CreateSecurityProfileUpgrade(
                CreateSecurityProfileUpgradeRequest(
                    station_id="SIM-0001", connection_data=connection, configuration_slot=2, reset_immediately=True
                )
            )
            assert upgrade.state == SECURITY_PROFILE_UPGRADE_STATE_ORDERING
            which = GetSecurityProfileUpgradeRequest(upgrade_id=upgrade.upgrade_id)
            while not upgrade.HasField("finish_time"):
                await asyncio.sleep(0.1)
                upgrade = await citrine.security_profile_upgrades.GetSecurityProfileUpgrade(which)
            moved = await citrine.stations.GetStation(about)
    finally:
        station.terminate()
        await station.wait()

    assert (upgrade.state, upgrade.reason) == (SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED, "")
    assert moved.security_profile == 3
