"""Security profiles 2 and 3 from end to end: real processes, real TLS, and stations of the simulator."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1.stations_pb2 import CreateStationRequest, GetStationRequest, ListHandshakeRefusalsRequest, Station
from citrine.events.v1.events_pb2 import StationRefused
from tests.edge.tls_files import tls_settings
from tests.support.deployment import CITRINE, Deployment, deploy
from tests.support.pki import Authority

PASSWORD = "correct-horse-battery"
AUTHORITY = Authority.root()


@pytest.fixture
async def deployment(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A core and an edge that listens for all security profiles."""
    settings: dict[str, Any] = tls_settings(AUTHORITY, tmp_path, mutual=True)
    settings["ocpps_client_ca_file"] = str(settings["ocpps_client_ca_file"])
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
        [str(CITRINE), "simulate", "--stations=2", "--scenario=boot-storm", f"--url={url}", *options],
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
        async with asyncio.timeout(20):
            while not (listed := await citrine.stations.ListHandshakeRefusals(ListHandshakeRefusalsRequest())).refusals:
                await asyncio.sleep(0.1)
        assert listed.refusals[0].reason == StationRefused.REASON_LOWER_SECURITY_PROFILE

    lowered = await asyncio.to_thread(
        subprocess.run,
        [str(CITRINE), "station", "lower-profile", "SIM-0001", "2"],
        env={"CITRINE_CORE": deployment.core_addresses[0], "CITRINE_KEY": deployment.key, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert lowered.stdout == "station SIM-0001 may connect with security profile 2 or higher\n", lowered.stderr
    code, said = await simulate(deployment, "ocpps", *secured, "--station=SIM-0001")
    assert code == 0, said
