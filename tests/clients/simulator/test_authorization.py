import pytest

from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms

UNKNOWN = "AuthCtrlr.OfflineTxForUnknownIdEnabled"


async def test_online_the_csms_decides(csms: Csms, make_station: MakeStation) -> None:
    csms.token_status = "Blocked"
    station = await make_station(valid_tokens=frozenset({"A"}))

    assert await station.authorize("A") == {"status": "Blocked"}


async def test_offline_a_token_that_was_accepted_may_charge(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.authorize("A")
    await station.disconnect()

    assert await station.authorize("A") == {"status": "Accepted"}
    assert await station.authorize("B") == {"status": "Unknown"}


async def test_offline_a_token_that_was_refused_may_not(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.authorize("A")
    csms.token_status = "Blocked"
    await station.authorize("A")
    await station.disconnect()

    assert await station.authorize("A") == {"status": "Unknown"}


@pytest.mark.parametrize(
    ("variables", "status"),
    [pytest.param({}, "Unknown", id="C15"), pytest.param({UNKNOWN: "true"}, "Accepted", id="open")],
)
async def test_offline_unknown_tokens_charge_only_where_they_may(
    make_station: MakeStation, variables: dict[str, str], status: str
) -> None:
    station = await make_station(variables=variables)
    await station.disconnect()

    assert await station.authorize("A") == {"status": status}


async def test_a_csms_that_fails_is_as_good_as_offline(csms: Csms, make_station: MakeStation) -> None:
    csms.scripts["Authorize"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'
    station = await make_station(valid_tokens=frozenset({"A"}))

    assert await station.authorize("A") == {"status": "Accepted"}
