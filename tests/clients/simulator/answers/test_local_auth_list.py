from typing import Any

from citrine_simulator import Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms


def entry(token: str, status: str | None = "Accepted") -> dict[str, Any]:
    info = {} if status is None else {"idTokenInfo": {"status": status}}
    return {"idToken": {"idToken": token, "type": "ISO14443"}, **info}


async def send(csms: Csms, kind: str, version: int, *entries: dict[str, Any]) -> str:
    listed = {"localAuthorizationList": list(entries)} if entries else {}
    answer = await csms.call("CS-1", "SendLocalList", {"versionNumber": version, "updateType": kind, **listed})
    return str(answer["status"])


async def version(csms: Csms) -> int:
    return int((await csms.call("CS-1", "GetLocalListVersion", {}))["versionNumber"])


async def test_a_list_is_sent_and_changed_and_survives_a_loss_of_power(csms: Csms, make_station: MakeStation) -> None:
    store = Store()
    station = await make_station(store=store)
    assert await version(csms) == 0

    sent = [
        await send(csms, "Full", 3, entry("A"), entry("B")),
        await send(csms, "Differential", 3, entry("C")),
        await send(csms, "Differential", 4, entry("A", None), entry("C", "Blocked")),
    ]
    await station.stop()
    station = await make_station(store=store)

    assert sent == ["Accepted", "VersionMismatch", "Accepted"]
    assert await version(csms) == 4
    await station.disconnect()
    assert [(await station.authorize(token))["status"] for token in ("A", "b", "C")] == [
        "Unknown",
        "Accepted",
        "Blocked",
    ]


async def test_a_token_of_the_list_is_not_asked_for(csms: Csms, make_station: MakeStation) -> None:
    """C14.FR.02, C14.FR.03."""
    station = await make_station()
    await send(csms, "Full", 1, entry("A"), entry("B", "Blocked"))

    assert await station.authorize("A") == {"status": "Accepted"}
    assert await station.authorize("B") == {"status": "Accepted"}
    assert [one["idToken"]["idToken"] for one in csms.of("Authorize")] == ["B"]


async def test_a_list_that_is_off_is_none(csms: Csms, make_station: MakeStation) -> None:
    await make_station(variables={"LocalAuthListCtrlr.Enabled": "false"})

    assert await send(csms, "Full", 1, entry("A")) == "Failed"
    assert await version(csms) == 0
