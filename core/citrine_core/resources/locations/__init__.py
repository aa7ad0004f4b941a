"""Locations: sites where stations stand, and the EVSEs at them as drivers and roaming partners see them (OCPI 2.3.0).

Other packages ask `queries`.
"""

from citrine_core.resources.locations.models import Location, LocationEvse

__all__ = ["Location", "LocationEvse"]
