"""Charging stations: which may connect, with which password, and which registration they get at boot."""

from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.passwords import hash_password, verify
from citrine_core.resources.stations.repository import StationRepository

__all__ = ["Station", "StationRepository", "hash_password", "verify"]
