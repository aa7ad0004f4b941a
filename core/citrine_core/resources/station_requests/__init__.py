"""What a station is asked to hold under an id of its own, as a reservation or a display message: the common part.

Each is a row: requested until the station answers or a deadline passes, then held, or refused, or failed. A later one
of the same id replaces it. What becomes of it afterwards is its block's business.
"""

from citrine_core.resources.station_requests.columns import LONGEST_DETAIL, StationRequest
from citrine_core.resources.station_requests.repository import StationRequestRepository

__all__ = ["LONGEST_DETAIL", "StationRequest", "StationRequestRepository"]
