"""What the core has of a reservation, and not of another one of its number: a station may use a number again."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.reservation_costs_pb2 import ListReservationCostsRequest, ReservationCost
from citrine.api.v1.reservation_pb2 import ListReservationsRequest, Reservation
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_sdk import Citrine

__all__ = ["cost_of", "reservations_of"]

LATEST = 20
"""Reservations of a driver at a station among which those of a number are looked for."""


async def reservations_of(citrine: Citrine, station_id: str, number: int, token: IdToken) -> Sequence[Reservation]:
    """Return the reservations of a number for a driver, the latest first.

    Args:
        citrine: The core.
        station_id: Their station.
        number: Their number there.
        token: Whom they are for.
    """
    request = ListReservationsRequest(station_id=station_id, id_token=token.id_token, page_size=LATEST)
    page = await citrine.reservation.ListReservations(request)
    return [one for one in page.reservations if one.request.id == number]


async def cost_of(citrine: Citrine, station_id: str, number: int, accepted: Timestamp) -> ReservationCost | None:
    """Return what a reservation costs. None: nothing that anybody has a price of, or it goes on.

    Args:
        citrine: The core.
        station_id: Its station.
        number: Its number there.
        accepted: When the station accepted it.
    """
    behind = Timestamp()
    behind.FromMicroseconds(accepted.ToMicroseconds() + 1)
    request = ListReservationCostsRequest(station_id=station_id, start_time=TimeRange(start=accepted, end=behind))
    async for page in citrine.pages(citrine.reservation_costs.ListReservationCosts, request):
        for cost in page.costs:
            if cost.reservation_id == number:
                return cost
    return None
