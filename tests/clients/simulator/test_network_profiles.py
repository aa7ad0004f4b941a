"""A station is moved to another URL and security profile by its network profiles."""

from typing import Any

import pytest

from citrine_simulator import Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms, csms_server
from tests.clients.simulator.manual_clock import ManualClock

PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


def profile(url: str, security_profile: int = 1) -> dict[str, Any]:
    return {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": 30,
        "securityProfile": security_profile,
        "ocppInterface": "Wired0",
    }


async def set_profile(csms: Csms, slot: int, url: str, security_profile: int = 1) -> str:
    request = {"configurationSlot": slot, "connectionData": profile(url, security_profile)}
    return str((await csms.call("CS-1", "SetNetworkProfile", request))["status"])


async def set_priority(csms: Csms, slots: str) -> str:
    data = {"setVariableData": [{**PRIORITY, "attributeValue": slots}]}
    (result,) = (await csms.call("CS-1", "SetVariables", data))["setVariableResult"]
    return str(result["attributeStatus"])


async def test_B10_FR_04_a_station_connects_by_the_first_slot_after_a_reboot(
    csms: Csms, make_station: MakeStation
) -> None:
    """And still does after a loss of power."""
    store = Store()
    station = await make_station(store=store)
    async with csms_server() as other:
        statuses = [await set_profile(csms, 2, other.url), await set_priority(csms, "2,1")]
        await csms.call("CS-1", "Reset", {"type": "Immediate"})
        await other.until_count("BootNotification", 1)
        await station.stop()
        again = await make_station(store=store)
        await other.until_count("BootNotification", 2)

        assert statuses == ["Accepted", "RebootRequired"]
        assert again.parts.model.text("OCPPCommCtrlr.ActiveNetworkProfile") == "2"
        await again.stop()


async def test_B10_FR_03_the_next_slot_is_tried_after_enough_attempts(
    csms: Csms, make_station: MakeStation, clock: ManualClock
) -> None:
    async with csms_server() as gone:
        pass
    station = await make_station(variables={"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "2"})
    await set_profile(csms, 2, gone.url)
    await set_priority(csms, "2,1")

    await csms.call("CS-1", "Reset", {"type": "Immediate"})
    await station.expect("unreachable")
    for wait in (5, 10):
        await clock.pass_by(wait)
    await csms.until_count("BootNotification", 2)

    assert station.parts.model.text("OCPPCommCtrlr.ActiveNetworkProfile") == "1"


@pytest.mark.parametrize(
    ("slot", "url", "security_profile"),
    [
        pytest.param(9, "wss://csms.example", 2, id="B09.FR.05"),
        pytest.param(2, "ws://csms.example", 2, id="a profile that the URL can't have"),
        pytest.param(1, "wss://csms.example", 2, id="what it is configured with"),
        pytest.param(2, "ws://csms.example", 0, id="B09.FR.04"),
    ],
)
async def test_B09_FR_02_a_profile_that_can_not_be_used_is_rejected(
    csms: Csms, make_station: MakeStation, slot: int, url: str, security_profile: int
) -> None:
    await make_station()

    assert await set_profile(csms, slot, url, security_profile) == "Rejected"


async def test_A05_FR_03_a_slot_that_is_empty_or_needs_a_certificate_is_not_used(
    csms: Csms, make_station: MakeStation
) -> None:
    await make_station()

    empty = await set_priority(csms, "2,1")
    await set_profile(csms, 2, "wss://csms.example", 3)
    without_certificate = await set_priority(csms, "2,1")

    assert (empty, without_certificate) == ("Rejected", "Rejected")
