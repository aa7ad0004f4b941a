"""The common part of objects that a station is asked to store under an id: reservations and display messages.

Each is a row: requested until the station answers or a deadline passes, then active, refused or failed. A later request
with the same id replaces it. The rest of its life is up to its block.
"""

from citrine_core.resources.station_requests.columns import LONGEST_DETAIL, StationRequest
from citrine_core.resources.station_requests.repository import StationRequestRepository

__all__ = ["LONGEST_DETAIL", "StationRequest", "StationRequestRepository"]
