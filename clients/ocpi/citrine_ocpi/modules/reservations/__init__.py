"""What partners call their reservations: the station that has each, and what the partner said of it."""

from citrine_ocpi.modules.reservations.core import cost_of, reservations_of
from citrine_ocpi.modules.reservations.repository import ReservationRepository
from citrine_ocpi.modules.reservations.tables import ReservationRequest, ReservationRow

__all__ = ["ReservationRepository", "ReservationRequest", "ReservationRow", "cost_of", "reservations_of"]
