"""OCPP 1.6, reservations of connectors and of the whole station."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citrine.api.v1 import reservation_pb2 as pb
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token, UpdateTokenRequest
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_sdk import Citrine
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation


async def reserve(
    station: ConformanceStation, api: Citrine, answer: str = "Accepted", *, of_station: bool = False, **fields: Any
) -> dict[str, Any]:
    """Have the connector of the case reserved for its token, or any one; return what the station is sent."""
    request = ocpp.ReserveNowRequest(
        id_token=states.token(station), evse_id=None if of_station else station.connector_id, **fields
    )
    request.expiry_date_time.FromDatetime(datetime.now(UTC) + timedelta(minutes=5))
    rpc = api.reservation.ReserveNow(pb.ReserveNowRequest(target=states.target(station), request=request))
    asked, response = await station.asked_by(rpc, "ReserveNow", {"status": answer})
    assert asked["idTag"] == station.id_token["idToken"]
    assert asked["connectorId"] == (0 if of_station else station.connector_id)
    assert spelling_of(ocpp.ReserveNowStatusEnum, response.response.status) == answer
    assert response.reservation.request.id == asked["reservationId"]
    return asked


async def state_of(station: ConformanceStation, api: Citrine, reservation_id: int) -> str:
    """Return the state of a reservation, as the API shows it."""
    request = pb.GetReservationRequest(station_id=station.station_id, reservation_id=reservation_id)
    found = await api.reservation.GetReservation(request)
    return pb.ReservationState.Name(found.state).removeprefix("RESERVATION_STATE_")


async def cancel(station: ConformanceStation, api: Citrine, reservation_id: int, answer: str) -> str:
    """Have a reservation cancelled; return what the caller is told."""
    request = ocpp.CancelReservationRequest(reservation_id=reservation_id)
    rpc = api.reservation.CancelReservation(pb.CancelReservationRequest(target=states.target(station), request=request))
    asked, response = await station.asked_by(rpc, "CancelReservation", {"status": answer})
    assert asked == {"reservationId": reservation_id}
    return spelling_of(ocpp.CancelReservationStatusEnum, response.response.status)


async def charge_by(station: ConformanceStation, api: Citrine, reservation_id: int, id_tag: str = "") -> None:
    """Have the driver charge by his reservation, which is then used."""
    await states.authorized(station, id_tag)
    await states.status(station, "Preparing")
    await states.started(station, id_tag=id_tag, reservationId=reservation_id)
    await states.status(station, "Charging")
    assert (await states.transaction(station, api)).reservation_id == reservation_id
    assert await state_of(station, api, reservation_id) == "USED"


async def test_TC_046_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver charges at the connector that is reserved for him."""
    await states.booted(station)
    asked = await reserve(station, api)
    await states.status(station, "Reserved")
    assert await states.connector_statuses(station, api) == ["Reserved"]

    await charge_by(station, api, asked["reservationId"])


async def test_TC_047_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver does not come, and the connector is available again."""
    await states.booted(station)
    await reserve(station, api)
    await states.status(station, "Reserved")

    await states.status(station, "Available")

    assert await states.connector_statuses(station, api) == ["Available"]


async def refuse_case(station: ConformanceStation, api: Citrine, answer: str, state: str) -> None:
    await states.booted(station)
    if answer != "Rejected":
        await states.status(station, state, "NoError" if state != "Faulted" else "OtherError")

    asked = await reserve(station, api, answer)

    assert await state_of(station, api, asked["reservationId"]) == "REFUSED"


async def test_TC_048_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector that is faulted is not reserved."""
    await refuse_case(station, api, "Faulted", "Faulted")


async def test_TC_048_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector that is in use is not reserved."""
    await refuse_case(station, api, "Occupied", "Preparing")


async def test_TC_048_3_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector that is out of service is not reserved."""
    await refuse_case(station, api, "Unavailable", "Unavailable")


async def test_TC_048_4_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that takes no reservations rejects one."""
    await refuse_case(station, api, "Rejected", "Available")


async def test_TC_049_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver charges at a station of which any connector is reserved for him."""
    await states.booted(station)
    asked = await reserve(station, api, of_station=True)

    await charge_by(station, api, asked["reservationId"])


async def test_TC_051_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A reservation is cancelled."""
    await states.booted(station)
    asked = await reserve(station, api)
    await states.status(station, "Reserved")

    assert await cancel(station, api, asked["reservationId"], "Accepted") == "Accepted"
    await states.status(station, "Available")

    assert await state_of(station, api, asked["reservationId"]) == "CANCELLED"


async def test_TC_052_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station knows nothing of the reservation that is to be cancelled."""
    await states.booted(station)
    asked = await reserve(station, api)

    assert await cancel(station, api, asked["reservationId"], "Rejected") == "Rejected"


@pytest.mark.usefixtures("id_token")
async def test_TC_053_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver charges by the reservation of another of his group."""
    await states.booted(station)
    group, mate = f"G{station.id_token['idToken'][:10]}", f"{station.id_token['idToken'][:12]}A8"
    owner = Token(id_token=station.id_token["idToken"], type=station.id_token["type"], group_id=group)
    await api.tokens.UpdateToken(UpdateTokenRequest(token=owner))
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=mate, type="ISO14443", group_id=group)))

    asked = await reserve(station, api, group_id_token=IdToken(id_token=group, type="Central"))
    await states.status(station, "Reserved")
    info = await states.authorized(station, mate)

    assert asked["parentIdTag"] == group
    assert info["parentIdTag"] == group
    await charge_by(station, api, asked["reservationId"], mate)
