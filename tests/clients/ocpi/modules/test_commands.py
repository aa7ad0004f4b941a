"""Commands of partners: what is answered at once, what the station does, and what the partner is told of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2 import reservation_pb2 as reservation
from tests.clients.ocpi.modules import test_roaming
from tests.support.charging import started
from tests.support.emsp import Emsp

roaming = test_roaming.roaming
Roaming = test_roaming.Roaming

UID = "04A1B2C3"

LATER = "2999-01-01T00:00:00Z"

STARTED = remote_control.RequestStartTransactionResponse(status=remote_control.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
STOPPED = remote_control.RequestStopTransactionResponse(status=remote_control.REQUEST_START_STOP_STATUS_ENUM_REJECTED)
UNLOCKED = remote_control.UnlockConnectorResponse(status=remote_control.UNLOCK_STATUS_ENUM_UNLOCK_FAILED)
OCCUPIED = reservation.ReserveNowResponse(status=reservation.RESERVE_NOW_STATUS_ENUM_OCCUPIED)
RESERVED = reservation.ReserveNowResponse(status=reservation.RESERVE_NOW_STATUS_ENUM_ACCEPTED)
SILENCE = link.CommandFailure(reason=link.CommandFailure.REASON_TIMEOUT)
CANCELLED = reservation.CancelReservationResponse(status=reservation.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED)


def token(partner: Emsp, uid: str = UID) -> dict[str, Any]:
    return {
        "country_code": partner.country_code,
        "party_id": partner.party_id,
        "uid": uid,
        "type": "RFID",
        "contract_id": f"{partner.country_code}-{partner.party_id}-1",
        "issuer": partner.name,
        "valid": True,
        "whitelist": "NEVER",
        "last_updated": "2026-01-31T12:00:00Z",
    }


class Commander:
    """A partner that sends commands, and a station that answers them as a test wants."""

    def __init__(self, found: Any, partner: Emsp) -> None:
        self.roaming, self.partner = found, partner
        self.sent: list[Message] = []
        self._number = 0

    def answer(self, *answers: Message) -> None:
        """Have the station answer with these, one after the other."""
        left = [*answers]

        def answer(command: Any) -> Message:
            self.sent.append(unwrap(command.request))
            return left.pop(0)

        self.roaming.station.edge.on_command = answer

    async def ask(self, command: str, body: dict[str, Any], number: int = 0, request_id: str = "") -> tuple[int, Any]:
        """Send a command, and return the status and the response; a number of before says the same again."""
        self._number = number or self._number + 1
        url = f"{self.partner.url}/2.2.1/receiver/commands/{command}/{self._number}"
        target = f"{self.partner.endpoints['commands', 'RECEIVER']}/{command}"
        headers = {"X-Request-ID": request_id} if request_id else {}
        said = (await self.partner.call("POST", target, {"response_url": url, **body}, headers=headers)).json()
        return said["status_code"], said.get("data")

    async def result(self, command: str, number: int = 0) -> str:
        """Return what the partner was told that the station said."""
        place = ("commands", f"{command}/{number or self._number}")
        found: dict[str, Any] = await self.partner.wait_for(lambda one: one.objects.get(place))
        return str(found["result"])


@pytest.fixture
def commander(roaming: Any) -> Commander:
    return Commander(roaming, roaming.tnm)


async def test_a_session_is_started_and_stopped_by_its_owner(commander: Commander) -> None:
    partner = commander.partner
    commander.answer(STARTED, STOPPED)
    body = {"token": token(partner), "location_id": "l-1", "evse_uid": "E-1", "authorization_reference": "ref-1"}

    status, response = await commander.ask("START_SESSION", body, request_id="r-1")

    assert (status, response["result"]) == (1000, "ACCEPTED")
    assert await commander.result("START_SESSION") == "ACCEPTED"
    (start,) = commander.sent
    assert isinstance(start, remote_control.RequestStartTransactionRequest)
    assert (start.id_token.id_token, start.id_token.type, start.evse_id) == (UID, "ISO14443", 1)
    # The request again is answered again, and has no second effect.
    assert (await commander.ask("START_SESSION", body, number=1, request_id="r-1"))[1]["result"] == "ACCEPTED"

    await commander.roaming.station.call(
        started(0, 0, evse=(1, 1), id_token=UID, info={"remote_start_id": start.remote_start_id})
    )
    session = await partner.wait_for(
        lambda one: next((x for (module, _), x in one.objects.items() if module == "sessions"), None)
    )
    assert session["authorization_reference"] == "ref-1"

    stranger = Commander(commander.roaming, commander.roaming.xyz)
    assert (await stranger.ask("STOP_SESSION", {"session_id": session["id"]}))[1]["result"] == "UNKNOWN_SESSION"
    status, response = await commander.ask("STOP_SESSION", {"session_id": session["id"]})
    assert (status, response["result"]) == (1000, "ACCEPTED")
    assert await commander.result("STOP_SESSION") == "REJECTED"
    assert [type(one).__name__ for one in commander.sent] == [
        "RequestStartTransactionRequest",
        "RequestStopTransactionRequest",
    ]
    assert partner.complaints == []


async def test_an_evse_is_reserved_and_a_connector_unlocked(commander: Commander) -> None:
    partner = commander.partner
    expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"token": token(partner), "expiry_date": expiry, "reservation_id": "R-1", "location_id": "L-1"}
    commander.answer(OCCUPIED, RESERVED, CANCELLED, RESERVED, UNLOCKED)

    assert (await commander.ask("RESERVE_NOW", body))[1]["result"] == "ACCEPTED"
    assert await commander.result("RESERVE_NOW") == "EVSE_OCCUPIED"
    # Any EVSE of the location that is available.
    assert (await commander.ask("RESERVE_NOW", body))[1]["result"] == "ACCEPTED"
    assert await commander.result("RESERVE_NOW") == "ACCEPTED"
    assert (await commander.ask("CANCEL_RESERVATION", {"reservation_id": "r-1"}))[1]["result"] == "ACCEPTED"
    assert await commander.result("CANCEL_RESERVATION") == "ACCEPTED"
    reserve, again, cancel = commander.sent
    assert isinstance(reserve, reservation.ReserveNowRequest)
    assert (reserve.evse_id, reserve.id_token.id_token) == (1, UID)
    assert isinstance(again, reservation.ReserveNowRequest)
    assert isinstance(cancel, reservation.CancelReservationRequest)
    # What the partner calls R-1 has one number at the station.
    assert reserve.id == again.id == cancel.reservation_id

    # Cancelled, it is made anew by the very same words.
    partner.objects.clear()
    assert (await commander.ask("RESERVE_NOW", body, number=2))[1]["result"] == "ACCEPTED"
    assert await commander.result("RESERVE_NOW", 2) == "ACCEPTED"
    assert len(commander.sent) == 4

    unlock = {"location_id": "L-1", "evse_uid": "e-1", "connector_id": "1"}
    assert (await commander.ask("UNLOCK_CONNECTOR", unlock))[1]["result"] == "ACCEPTED"
    assert await commander.result("UNLOCK_CONNECTOR") == "FAILED"
    assert partner.complaints == []


async def test_what_can_not_go_to_a_station_is_said_at_once(commander: Commander) -> None:
    partner = commander.partner
    commander.answer()
    start: dict[str, Any] = {"token": token(partner), "location_id": "L-1", "evse_uid": "E-1"}

    assert (await commander.ask("START_SESSION", {**start, "location_id": "L-2"}))[0] == 2003
    assert (await commander.ask("START_SESSION", {**start, "evse_uid": "E-2"}))[0] == 2003
    assert (await commander.ask("START_SESSION", {**start, "connector_id": "2"}))[0] == 2003
    connector_alone = {"token": start["token"], "location_id": "L-1", "connector_id": "1"}
    assert (await commander.ask("START_SESSION", connector_alone))[0] == 2001
    unlock = {"location_id": "L-1", "evse_uid": "E-1", "connector_id": "1"}
    for name, value in (("location_id", "L-2"), ("evse_uid", "E-2"), ("connector_id", "2")):
        assert (await commander.ask("UNLOCK_CONNECTOR", {**unlock, name: value}))[0] == 2003
    assert (await commander.ask("START_SESSION", {**start, "token": {**start["token"], "party_id": "ABC"}}))[0] == 2001
    assert (await commander.ask("START_SESSION", {"token": start["token"]}))[0] == 2001
    elsewhere = {**start, "response_url": "https://elsewhere.example/commands/1"}
    assert (await commander.ask("START_SESSION", elsewhere))[0] == 2001
    assert (await commander.ask("STOP_SESSION", {"session_id": "nobody's"}))[1]["result"] == "UNKNOWN_SESSION"
    assert (await commander.ask("CANCEL_RESERVATION", {"reservation_id": "R-9"}))[1]["result"] == "REJECTED"
    assert (await commander.ask("DANCE", {}))[1]["result"] == "NOT_SUPPORTED"
    past = {**start, "expiry_date": "2020-01-01T00:00:00Z", "reservation_id": "R-1"}
    for name, value in (("location_id", "L-2"), ("evse_uid", "E-2")):
        assert (await commander.ask("RESERVE_NOW", {**past, "expiry_date": LATER, name: value}))[0] == 2003
    assert (await commander.ask("RESERVE_NOW", past))[1]["result"] == "REJECTED"
    evse = locations.LocationEvse(uid="E-1", capabilities=[locations.EVSE_CAPABILITY_START_SESSION_CONNECTOR_REQUIRED])
    request = locations.UpdateLocationEvseRequest(evse=evse)
    request.update_mask.paths.append("capabilities")
    sites: Any = commander.roaming.core.stub(LocationsServiceStub)
    await sites.UpdateLocationEvse(request)
    assert (await commander.ask("START_SESSION", start))[0] == 2001
    assert commander.sent == []

    commander.answer(STARTED)
    assert (await commander.ask("START_SESSION", {**start, "connector_id": "1"}))[1]["result"] == "ACCEPTED"
    assert await commander.result("START_SESSION") == "ACCEPTED"


async def test_a_command_that_is_repeated_is_done_once_and_one_without_an_answer_is_timed_out(
    commander: Commander,
) -> None:
    await commander.roaming.station.call(started(0, 0, evse=(1, 1), id_token=UID))
    session = await commander.partner.wait_for(
        lambda one: next((x for (module, _), x in one.objects.items() if module == "sessions"), None)
    )
    for command, body in (
        ("STOP_SESSION", {"session_id": session["id"]}),
        ("UNLOCK_CONNECTOR", {"location_id": "L-1", "evse_uid": "E-1", "connector_id": "1"}),
    ):
        commander.answer(SILENCE)
        for _ in range(2):
            said = await commander.ask(command, body, number=1, request_id=f"r-{command}")
            assert said[1]["result"] == "ACCEPTED"
        assert await commander.result(command) == "TIMEOUT"
        # So it is after the result, too.
        said = await commander.ask(command, body, number=1, request_id=f"r-{command}")
        assert said[1]["result"] == "ACCEPTED"
    assert [type(one).__name__ for one in commander.sent] == ["RequestStopTransactionRequest", "UnlockConnectorRequest"]
    results = [one for one in commander.partner.received if one.module == "commands"]
    assert [one.path for one in results] == ["STOP_SESSION/1", "UNLOCK_CONNECTOR/1"]


async def test_a_station_that_is_away_is_said_to_be_so(commander: Commander) -> None:
    await commander.roaming.station.close()

    body = {"token": token(commander.partner), "location_id": "L-1", "evse_uid": "E-1"}
    assert (await commander.ask("START_SESSION", body))[1]["result"] == "ACCEPTED"

    assert await commander.result("START_SESSION") == "FAILED"
