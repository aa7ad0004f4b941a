"""Parties behind one hub: none of them reads, writes, stops or cancels what is another one's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2 import reservation_pb2 as reservation
from citrine_ocpi.transport import Party
from tests.clients.ocpi.modules import test_roaming
from tests.clients.ocpi.modules.test_commands import token
from tests.clients.ocpi.modules.test_hub_client_info import info, put, registered
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, running_core
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import received_faults
from tests.support.ocpi import running_adapter

UIDS = {"ONE": "0411111111AA01", "TWO": "0422222222AA02"}

ACCEPTED: dict[type[Any], Any] = {
    reservation.ReserveNowRequest: reservation.ReserveNowResponse(status=reservation.RESERVE_NOW_STATUS_ENUM_ACCEPTED),
    reservation.CancelReservationRequest: reservation.CancelReservationResponse(
        status=reservation.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED
    ),
    remote_control.UnlockConnectorRequest: remote_control.UnlockConnectorResponse(
        status=remote_control.UNLOCK_STATUS_ENUM_UNLOCKED
    ),
    remote_control.RequestStopTransactionRequest: remote_control.RequestStopTransactionResponse(
        status=remote_control.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
    ),
}


class Behind:
    """A core with one station, whose adapter has a hub as partner with two parties behind it: DE-ONE and DE-TWO."""

    def __init__(self, found: Any, hub: Emsp) -> None:
        self.roaming, self.hub = found, hub
        self.sent: list[Any] = []
        """What the station got."""
        found.station.edge.on_command = self._answer
        self._number = 0

    def _answer(self, command: Any) -> Any:
        self.sent.append(unwrap(command.request))
        return ACCEPTED[type(self.sent[-1])]

    async def call(self, party: str, method: str, module: str, below: str = "", body: Any = None) -> Any:
        """Return the answer to a request of a party behind the hub: the status of HTTP, and the envelope."""
        names = {"from": ("DE", party), "to": ("DE", "CIT")}
        headers = {f"OCPI-{way}-country-code": one[0] for way, one in names.items()}
        headers |= {f"OCPI-{way}-party-id": one[1] for way, one in names.items()}
        side = "SENDER" if (module, "SENDER") in self.hub.endpoints else "RECEIVER"
        answer = await self.hub.call(method, f"{self.hub.endpoints[module, side]}{below}", body, headers=headers)
        assert answer.headers["ocpi-to-party-id"] == party
        return answer.status_code, answer.json()

    async def command(self, party: str, name: str, body: dict[str, Any]) -> Any:
        """Return what a command is answered: the result, or the status where it is refused."""
        self._number += 1
        url = f"{self.hub.url}/2.2.1/receiver/commands/{name}/{self._number}"
        _, said = await self.call(party, "POST", "commands", f"/{name}", {"response_url": url, **body})
        return said["data"]["result"] if said["status_code"] == 1000 else said["status_code"]

    async def result(self, name: str) -> Any:
        """Return the party that is sent the result of the last command, and the result."""
        place = f"{name}/{self._number}"
        got = await self.hub.wait_for(lambda one: [x for x in one.received if x.path == place])
        return got[0].headers["ocpi-to-party-id"], got[0].body["result"]

    async def list(self, party: str, module: str) -> list[Any]:
        """Return what a party lists of a module."""
        _, said = await self.call(party, "GET", module)
        return [one["id"] for one in said["data"]]


@pytest.fixture
async def behind(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Behind]:
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(running_core(sqlite_url, tmp_path, station_clock_tolerance=None))
        await core.add_station("CS-1", registration=1)
        edge = await stack.enter_async_context(core.edge())
        station = await edge.connect("CS-1", PASSWORD)
        await test_roaming.prepare(core)
        tokens: Any = core.stub(TokensServiceStub)
        for party, uid in UIDS.items():
            one = Token(id_token=uid, type="ISO14443", country_code="DE", party_id=party, contract_id=f"DE-{party}-1")
            await tokens.CreateToken(CreateTokenRequest(token=one))
        adapter = await stack.enter_async_context(running_adapter(tmp_path, core=core.address, key=core.key))
        hub = await stack.enter_async_context(emsp(party_id="HUB", role="HUB", validate=received_faults))
        await registered(adapter, hub)
        for party in UIDS:
            await put(hub, info(f"DE-{party}"))
        found = test_roaming.Roaming(core, adapter, station, hub, hub)
        await found.set_status("AVAILABLE")
        await hub.wait_for(lambda one: one.objects.get(("locations", test_roaming.LOCATION)))
        yield Behind(found, hub)


def own_token(party: str, uid: str) -> dict[str, Any]:
    return {**token(Emsp("", country_code="DE", party_id=party), uid), "whitelist": "ALWAYS"}


async def test_a_party_writes_and_reads_its_own_tokens_alone(behind: Behind) -> None:
    one, place = own_token("ONE", "04CAFE01"), "/DE/ONE/04CAFE01"
    change = {"valid": False, "last_updated": "2026-02-01T12:00:00Z"}

    assert (await behind.call("TWO", "PUT", "tokens", place, one))[0] == 404
    assert (await behind.call("ONE", "PUT", "tokens", place, one))[0] == 201
    assert (await behind.call("TWO", "GET", "tokens", place))[0] == 404
    assert (await behind.call("TWO", "PATCH", "tokens", place, change))[0] == 404
    assert (await behind.call("TWO", "PUT", "tokens", "/DE/TWO/04CAFE01", own_token("TWO", "04CAFE01")))[1][
        "status_code"
    ] == 2001

    assert (await behind.call("ONE", "GET", "tokens", place))[1]["data"] == one
    start = {"token": one, "location_id": "L-1", "evse_uid": "E-1"}
    assert await behind.command("TWO", "START_SESSION", start) == 2001
    # Who is not behind the hub is nobody.
    assert (await behind.call("XXX", "GET", "tokens", place))[0] == 404
    assert (await behind.call("HUB", "GET", "tokens", place))[0] == 404
    assert behind.sent == []


async def test_a_party_cancels_stops_and_unlocks_what_is_its_own_alone(behind: Behind) -> None:
    expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    reserve = {"expiry_date": expiry, "reservation_id": "R-1", "location_id": "L-1", "evse_uid": "E-1"}
    unlock = {"location_id": "L-1", "evse_uid": "E-1", "connector_id": "1"}

    assert await behind.command("ONE", "RESERVE_NOW", {**reserve, "token": own_token("ONE", UIDS["ONE"])}) == "ACCEPTED"
    assert await behind.result("RESERVE_NOW") == ("ONE", "ACCEPTED")
    assert await behind.command("TWO", "CANCEL_RESERVATION", {"reservation_id": "R-1"}) == "REJECTED"
    # What another one calls so, too, is another reservation.
    assert await behind.command("TWO", "RESERVE_NOW", {**reserve, "token": own_token("TWO", UIDS["TWO"])}) == "ACCEPTED"
    assert await behind.result("RESERVE_NOW") == ("TWO", "ACCEPTED")
    assert await behind.command("ONE", "CANCEL_RESERVATION", {"reservation_id": "r-1"}) == "ACCEPTED"
    assert await behind.result("CANCEL_RESERVATION") == ("ONE", "ACCEPTED")
    first, second, cancelled = behind.sent
    assert first.id == cancelled.reservation_id != second.id

    await behind.roaming.station.call(started(0, 0, evse=(1, 1), id_token=UIDS["ONE"]))
    path, _ = await behind.hub.wait_for(
        lambda one: next((x for x in one.objects.items() if x[0][0] == "sessions" and x[1]["status"] == "ACTIVE"), None)
    )
    session_id = path[1].rpartition("/")[2]
    assert await behind.command("TWO", "STOP_SESSION", {"session_id": session_id}) == "UNKNOWN_SESSION"
    assert await behind.command("TWO", "UNLOCK_CONNECTOR", unlock) == "REJECTED"
    url = f"{behind.hub.url}/2.2.1/sender/chargingprofiles/1"
    profile = {
        "charging_rate_unit": "W",
        "charging_profile_period": [{"start_period": 0, "limit": 1}],
        "min_charging_rate": 0,
    }
    wanted = {"charging_profile": profile, "response_url": url}
    _, said = await behind.call("TWO", "PUT", "chargingprofiles", f"/{session_id}", wanted)
    assert said["data"]["result"] == "UNKNOWN_SESSION"
    assert len(behind.sent) == 3

    assert await behind.command("ONE", "UNLOCK_CONNECTOR", unlock) == "ACCEPTED"
    assert await behind.result("UNLOCK_CONNECTOR") == ("ONE", "ACCEPTED")
    assert session_id in await behind.list("ONE", "sessions")
    assert session_id not in await behind.list("TWO", "sessions")


async def test_a_party_gets_and_lists_its_own_sessions_and_cdrs_alone(behind: Behind) -> None:
    await behind.roaming.station.call(started(0, 0, evse=(1, 1), id_token=UIDS["ONE"]))
    await behind.roaming.station.call(updated(1, 2000, info=test_roaming.CHARGING))
    await behind.roaming.station.call(ended(2, 4000))
    await behind.roaming.record()
    await behind.hub.wait_for(lambda one: [x for x in one.received if x.module == "cdrs"])

    for module in ("sessions", "cdrs"):
        assert len(await behind.list("ONE", module)) == 1
        assert await behind.list("TWO", module) == []
        assert {x.headers["ocpi-to-party-id"] for x in behind.hub.received if x.module == module} == {"ONE"}


async def test_nothing_of_a_party_that_left_is_the_hubs_that_names_it(behind: Behind) -> None:
    uid = "0433333333AA03"
    async with emsp(country_code="DE", party_id="TRI") as direct:
        await registered(behind.roaming.adapter, direct)
        await put(behind.hub, info("DE-TRI"))
        url = f"{direct.endpoints['tokens', 'RECEIVER']}/DE/TRI/{uid}"
        assert (await direct.call("PUT", url, own_token("TRI", uid))).status_code == 201
        await behind.roaming.station.call(started(0, 0, evse=(1, 1), id_token=uid))
        await behind.roaming.station.call(updated(1, 2000, info=test_roaming.CHARGING))
        await behind.roaming.station.call(ended(2, 4000))
        await behind.roaming.record()
        await direct.wait_for(lambda one: [x for x in one.received if x.module == "cdrs"])
        assert (await direct.call("DELETE", direct.endpoints["credentials", "SENDER"])).status_code == 200
    await put(behind.hub, info("DE-TRI", time="2026-11-30T09:00:00Z"))

    assert (await behind.call("TRI", "GET", "tokens", f"/DE/TRI/{uid}"))[0] == 404
    assert (await behind.call("TRI", "PUT", "tokens", f"/DE/TRI/{uid}", own_token("TRI", uid)))[0] == 404
    assert [await behind.list("TRI", module) for module in ("sessions", "cdrs")] == [[], []]
    start = {"token": own_token("TRI", uid), "location_id": "L-1", "evse_uid": "E-1"}
    assert await behind.command("TRI", "START_SESSION", start) == 2001

    await behind.roaming.adapter.office.administration.accept("HUB", {Party("DE", "TRI")})
    assert [len(await behind.list("TRI", module)) for module in ("sessions", "cdrs")] == [1, 1]
