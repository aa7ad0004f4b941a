"""Functional block H, Reservation: reservations of EVSEs for drivers, from the request to their end."""

from functools import partial

from citrine.api.v1 import reservation_pb2_grpc
from citrine_core.blocks.reservation.handlers import ReservationHandlers
from citrine_core.blocks.reservation.implied_uses import StartedFromAfar, find_reservations_used
from citrine_core.blocks.reservation.jobs import INTERVAL, ReservationExpiry
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.reservation.record import ReservationUse, use_reservations
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.reservation.servicer import ReservationServicer
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = [
    "Reservation",
    "ReservationExpiry",
    "ReservationHandlers",
    "ReservationRepository",
    "ReservationServicer",
    "ReservationUse",
    "StartedFromAfar",
    "block",
    "find_reservations_used",
    "use_reservations",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    job = Job(
        "reservations that end by themselves",
        INTERVAL,
        ReservationExpiry(services).run,
        due=ReservationRepository.due(),
    )
    return Block(
        "reservation",
        [ReservationHandlers(services, job.wake)],
        [partial(reservation_pb2_grpc.add_ReservationServiceServicer_to_server, ReservationServicer(services))],
        ["citrine.api.v1.ReservationService"],
        forget_station=ReservationRepository.forget,
        jobs=[job],
    )
