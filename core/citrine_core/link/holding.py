"""Which unknown stations may be held until an operator accepts them."""

from citrine.edge.v1.link_pb2 import Admit
from citrine_core.resources.stations.fields import STATION_ID
from citrine_core.resources.stations.passwords import LONGEST, SHORTEST

__all__ = ["may_wait_for_acceptance"]


def may_wait_for_acceptance(admit: Admit) -> bool:
    """Return whether a station names itself and brings a password of its own."""
    return (
        admit.username == admit.station_id
        and SHORTEST <= len(admit.password) <= LONGEST
        and STATION_ID.fullmatch(admit.station_id) is not None
    )
