"""Block A, Security: Basic authentication and TLS (A00), over real TLS with certificates of the test."""

import asyncio
import itertools
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine_sdk import Citrine
from tests.conformance.authorities import Authorities
from tests.conformance.conftest import PASSWORD
from tests.conformance.states import booted
from tests.conformance.station import ConformanceStation, played_station
from tests.support.deployment import Deployment
from tests.support.pki import DAY, Authority, Certified, Kind
from tests.support.raw_station import basic

SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "AES128-GCM-SHA256": "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "AES256-GCM-SHA384": "TLS_RSA_WITH_AES_256_GCM_SHA384",
}
"""What A00.FR.318 and A00.FR.421 require, by the names that OpenSSL has for it."""


def secure_url(deployment: Deployment, profile: int) -> str:
    """Return the URL of the listener for security profile 2 or 3."""
    name = {2: "ocpps", 3: "ocpps_mtls"}[profile]
    return f"wss://{json.loads(deployment.edges[0].ready_file.read_text())[name]}"


@pytest.fixture
def context(authorities: Authorities, tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """Returns the context of a station, with its certificate if there is one, that offers all or one suite."""

    def new(own: Certified | None = None, suite: str = "") -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=authorities.csms.pem)
        if own is not None:
            context.load_cert_chain(*own.write(tmp_path, "station"))
        if suite:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite)
        return context

    return new


async def refused(url: str, station_id: str, username: str, password: str, tls: ssl.SSLContext | None = None) -> int:
    """Return the status with which an upgrade is rejected."""
    subprotocols: Any = ["ocpp2.0.1"]
    headers = basic(username, password)
    with pytest.raises(InvalidStatus) as status:
        async with connect(f"{url}/{station_id}", subprotocols=subprotocols, additional_headers=headers, ssl=tls):
            pass
    return status.value.response.status_code


async def registered(api: Citrine, station_id: str, password: str = "") -> None:
    """Have a station registered."""
    await api.stations.CreateStation(CreateStationRequest(station=Station(station_id=station_id), password=password))


async def test_TC_A_01_CSMS(
    station: ConformanceStation, deployment: Deployment, context: Callable[..., ssl.SSLContext]
) -> None:
    """Basic Authentication - Valid username/password combination."""
    await booted(station)

    station.url, station.tls = secure_url(deployment, 2), context()
    await station.connect()
    await booted(station)


async def test_TC_A_02_CSMS(
    station: ConformanceStation, deployment: Deployment, context: Callable[..., ssl.SSLContext]
) -> None:
    """Basic Authentication - Username does not equal ChargingStationId."""
    invalid = f"{station.station_id}Invalid"

    assert await refused(deployment.url(), station.station_id, invalid, PASSWORD) == 401
    assert await refused(secure_url(deployment, 2), station.station_id, invalid, PASSWORD, context()) == 401


async def test_TC_A_03_CSMS(
    station: ConformanceStation, deployment: Deployment, context: Callable[..., ssl.SSLContext]
) -> None:
    """Basic Authentication - Invalid password."""
    invalid = "Ab0*-_=:+|@.Zz9XxYyQq"

    assert await refused(deployment.url(), station.station_id, station.station_id, invalid) == 401
    assert await refused(secure_url(deployment, 2), station.station_id, station.station_id, invalid, context()) == 401


async def test_TC_A_04_CSMS(
    api: Citrine, deployment: Deployment, case: str, context: Callable[..., ssl.SSLContext]
) -> None:
    """TLS - server-side certificate - Valid certificate."""
    await registered(api, case, PASSWORD)

    for suite in SUITES:
        async with played_station(secure_url(deployment, 2), case, PASSWORD, context(suite=suite)) as station:
            tls = station.raw.websocket.transport.get_extra_info("ssl_object")
            assert (tls.version(), tls.cipher()[0], tls.compression()) == ("TLSv1.2", suite, None)
            await booted(station)
    async with played_station(secure_url(deployment, 2), case, PASSWORD, context()) as station:
        assert station.raw.websocket.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
        await booted(station)


async def test_TC_A_06_CSMS(
    api: Citrine, deployment: Deployment, case: str, context: Callable[..., ssl.SSLContext]
) -> None:
    """TLS - server-side certificate - TLS version too low."""
    await registered(api, case, PASSWORD)
    url = secure_url(deployment, 2)

    # Python speaks no TLS as old as that.
    old = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", url.removeprefix("wss://"), "-tls1_1", "-cipher", "ALL@SECLEVEL=0"),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await old.communicate()

    assert b"Cipher is (NONE)" in said
    async with played_station(url, case, PASSWORD, context()) as station:
        await booted(station)


async def test_TC_A_07_CSMS(
    api: Citrine,
    deployment: Deployment,
    case: str,
    authorities: Authorities,
    context: Callable[..., ssl.SSLContext],
) -> None:
    """TLS - Client-side certificate - valid certificate."""
    await registered(api, case)
    kinds: list[Kind] = ["ec", "rsa"]

    for kind, suite in itertools.product(kinds, ["", *SUITES]):
        own = context(authorities.station.issue(case, kind=kind), suite)
        async with played_station(secure_url(deployment, 3), case, "", own) as station:
            await booted(station)


async def test_TC_A_08_CSMS(
    api: Citrine,
    deployment: Deployment,
    case: str,
    authorities: Authorities,
    context: Callable[..., ssl.SSLContext],
) -> None:
    """TLS - Client-side certificate - Invalid certificate."""
    await registered(api, case)
    url, issue = secure_url(deployment, 3), authorities.station.issue
    unknown = Authority.root("Unknown").issue(case)

    for invalid in (unknown, issue(case, until=-DAY / 2), issue("another serial number"), None):
        with pytest.raises((OSError, EOFError, WebSocketException)):
            async with played_station(url, case, "", context(invalid)):
                pass

    async with played_station(url, case, "", context(issue(case))) as station:
        await booted(station)
