"""Block A, Security: a higher security profile (A05), over real TLS with certificates of the test."""

import asyncio
import ssl
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.authorities import Authorities
from tests.conformance.station import ConformanceStation
from tests.conformance.test_a_transport import secure_url
from tests.support.deployment import Deployment
from tests.support.waiting import PAUSE, WAIT

SLOT = 2

PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


async def agree(station: ConformanceStation) -> dict[str, Any]:
    """Answer what an upgrade sends, and return the network profile."""
    read = {"attributeStatus": "Accepted", "attributeValue": "1", **PRIORITY}
    await station.asked("GetVariables", {"getVariableResult": [read]})
    asked = await station.asked("SetNetworkProfile", {"status": "Accepted"})
    done = {"setVariableResult": [{"attributeStatus": "Accepted", **PRIORITY}]}
    (priority,) = (await station.asked("SetVariables", done))["setVariableData"]
    assert priority["variable"] == PRIORITY["variable"]
    assert str(asked["configurationSlot"]) in priority["attributeValue"].split(",")
    await station.asked("Reset", {"status": "Accepted"})
    profile: dict[str, Any] = asked["connectionData"]
    return profile


async def ended(api: Citrine, upgrade_id: str) -> pb.SecurityProfileUpgrade:
    """Return an upgrade once it has ended."""
    request = pb.GetSecurityProfileUpgradeRequest(upgrade_id=upgrade_id)
    async with asyncio.timeout(WAIT):
        while True:
            found = await api.security_profile_upgrades.GetSecurityProfileUpgrade(request)
            if found.HasField("finish_time"):
                return found
            await asyncio.sleep(PAUSE)


async def test_TC_A_19_CSMS(
    station: ConformanceStation, api: Citrine, deployment: Deployment, authorities: Authorities
) -> None:
    """Upgrade Charging Station Security Profile - Accepted."""
    await states.booted(station)
    plain = station.url
    connection = ocpp.NetworkConnectionProfile(
        ocpp_interface=ocpp.OCPP_INTERFACE_ENUM_WIRED0,
        ocpp_transport=ocpp.OCPP_TRANSPORT_ENUM_JSON,
        ocpp_version=ocpp.OCPP_VERSION_ENUM_OCPP20,
        ocpp_csms_url=secure_url(deployment, 2),
        security_profile=2,
        message_timeout=30,
    )
    request = pb.CreateSecurityProfileUpgradeRequest(
        station_id=station.station_id, connection_data=connection, configuration_slot=SLOT
    )

    upgrading = asyncio.ensure_future(api.security_profile_upgrades.CreateSecurityProfileUpgrade(request))
    asked = await agree(station)
    upgrade = await upgrading

    assert asked == {
        "messageTimeout": 30,
        "ocppCsmsUrl": secure_url(deployment, 2),
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "ocppVersion": "OCPP20",
        "securityProfile": 2,
    }
    station.url, station.tls = secure_url(deployment, 2), ssl.create_default_context(cadata=authorities.csms.pem)
    await station.connect()
    await states.booted(station)
    assert (await ended(api, upgrade.upgrade_id)).state == pb.SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED
    # A05.FR.07
    station.url, station.tls = plain, None
    with pytest.raises(InvalidStatus) as refused:
        await station.connect()
    assert refused.value.response.status_code == 403
