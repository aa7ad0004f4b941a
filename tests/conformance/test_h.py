"""Block H, Reservation: an EVSE that is kept for a driver, until he comes or does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1 import reservation_pb2 as pb
from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_sdk import Citrine
from tests.conformance.states import booted, connector_status
from tests.conformance.station import ConformanceStation

CONNECTOR_TYPE = "cType2"
"""<Configured connectorType>"""

TRANSACTION_DURATION = timedelta(minutes=5)
"""<configured transaction duration>"""


async def reserve(
    station: ConformanceStation, api: Citrine, *, answer: str = "Accepted", **fields: Any
) -> tuple[dict[str, Any], pb.Reservation]:
    """Trigger the CSMS to send a ReserveNowRequest. Returns what it sent, and what it keeps of it."""
    request = ocpp.ReserveNowRequest(
        id_token=IdToken(id_token=station.id_token["idToken"], type=station.id_token["type"]), **fields
    )
    request.expiry_date_time.FromDatetime(datetime.now(UTC) + TRANSACTION_DURATION)
    rpc = api.reservation.ReserveNow(
        pb.ReserveNowRequest(target=CommandTarget(station_id=station.station_id), request=request)
    )
    asked, response = await station.asked_by(rpc, "ReserveNow", {"status": answer})
    assert asked["idToken"] == station.id_token
    assert response.response.status == ocpp.ReserveNowStatusEnum.Value(f"RESERVE_NOW_STATUS_ENUM_{answer.upper()}")
    return asked, response.reservation


async def reserve_evse(station: ConformanceStation, api: Citrine, **fields: Any) -> dict[str, Any]:
    """Have the EVSE of the case reserved, and tell that its connector is: the reusable state Reserved."""
    asked, _ = await reserve(station, api, evse_id=station.evse_id, **fields)
    assert asked["evseId"] == station.evse_id
    assert "connectorType" not in asked
    await connector_status(station, "Reserved")
    assert await state_of(station, api, asked["id"]) == "ACTIVE"
    return asked


async def state_of(station: ConformanceStation, api: Citrine, reservation_id: int) -> str:
    request = pb.GetReservationRequest(station_id=station.station_id, reservation_id=reservation_id)
    found = await api.reservation.GetReservation(request)
    return pb.ReservationState.Name(found.state).removeprefix("RESERVATION_STATE_")


async def connectors(station: ConformanceStation, api: Citrine) -> list[str]:
    """Return the states of the station's connectors, as the API shows them."""
    listed = await api.availability.ListConnectors(ListConnectorsRequest(station_id=station.station_id))
    prefix = "CONNECTOR_STATUS_ENUM_"
    return [ConnectorStatusEnum.Name(connector.status).removeprefix(prefix) for connector in listed.connectors]


async def update(station: ConformanceStation, reservation_id: int, status: str) -> None:
    """Tell how a reservation ended."""
    await station.call("ReservationStatusUpdate", {"reservationId": reservation_id, "reservationUpdateStatus": status})


async def test_TC_H_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE is reserved for a token."""
    await booted(station)

    await reserve_evse(station, api)

    assert await connectors(station, api) == ["RESERVED"]


async def test_TC_H_07_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A reservation of an EVSE expires, because the driver does not come."""
    await booted(station)
    # Times on the wire have no more than 3 decimals.
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    asked = await reserve_evse(station, api)
    expiry = datetime.fromisoformat(asked["expiryDateTime"])
    assert before <= expiry - TRANSACTION_DURATION <= datetime.now(UTC)

    await connector_status(station, "Available")
    await update(station, asked["id"], "Expired")

    assert await state_of(station, api, asked["id"]) == "EXPIRED"
    assert await connectors(station, api) == ["AVAILABLE"]


async def test_TC_H_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Any EVSE is reserved for a token."""
    await booted(station)

    asked, reservation = await reserve(station, api)
    await connector_status(station, "Reserved")

    assert not {"evseId", "connectorType"} & asked.keys()
    assert reservation.state == pb.RESERVATION_STATE_ACTIVE
    assert await connectors(station, api) == ["RESERVED"]


async def test_TC_H_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """As many reservations of any EVSE as there are EVSEs leave every one of them reserved."""
    await booted(station)
    await connector_status(station, "Available", evse_id=2)

    for _ in (1, 2):
        asked, reservation = await reserve(station, api)
        assert not {"evseId", "connectorType"} & asked.keys()
        assert reservation.state == pb.RESERVATION_STATE_ACTIVE
    for evse_id in (1, 2):
        await connector_status(station, "Reserved", evse_id=evse_id)

    assert await connectors(station, api) == ["RESERVED"] * 2


async def test_TC_H_15_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE with a connector of some type is reserved."""
    await booted(station)

    asked, reservation = await reserve(station, api, connector_type=CONNECTOR_TYPE)
    await connector_status(station, "Reserved")

    assert "evseId" not in asked
    assert asked["connectorType"] == CONNECTOR_TYPE
    assert reservation.state == pb.RESERVATION_STATE_ACTIVE


async def test_TC_H_17_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A reservation of an EVSE is cancelled."""
    await booted(station)
    reserved = await reserve_evse(station, api)

    rpc = api.reservation.CancelReservation(
        pb.CancelReservationRequest(
            target=CommandTarget(station_id=station.station_id),
            request=ocpp.CancelReservationRequest(reservation_id=reserved["id"]),
        )
    )
    asked, answer = await station.asked_by(rpc, "CancelReservation", {"status": "Accepted"})
    await connector_status(station, "Available")

    assert asked == {"reservationId": reserved["id"]}
    assert answer.response.status == ocpp.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED
    assert await state_of(station, api, reserved["id"]) == "CANCELLED"
    assert await connectors(station, api) == ["AVAILABLE"]


async def test_TC_H_19_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE is reserved for a group of tokens."""
    await booted(station)

    asked = await reserve_evse(station, api, group_id_token=IdToken(id_token="FLEET", type="Central"))

    assert asked["groupIdToken"] == {"idToken": "FLEET", "type": "Central"}


async def test_TC_H_20_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station gives a reservation up, because its EVSE is faulted."""
    await booted(station)
    asked = await reserve_evse(station, api)

    await connector_status(station, "Faulted")
    await update(station, asked["id"], "Removed")

    assert await state_of(station, api, asked["id"]) == "REMOVED"
    assert await connectors(station, api) == ["FAULTED"]


async def test_TC_H_22_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that takes no reservations rejects one."""
    await booted(station)

    asked, reservation = await reserve(station, api, answer="Rejected", evse_id=station.evse_id)

    assert asked["evseId"] == station.evse_id
    assert reservation.state == pb.RESERVATION_STATE_REFUSED
    assert reservation.status == ocpp.RESERVE_NOW_STATUS_ENUM_REJECTED
