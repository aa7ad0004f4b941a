"""Charging stations: who may connect, with which password, and how its boot is answered."""

from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.passwords import hash_password, verify
from citrine_core.resources.stations.repository import StationRepository
from citrine_core.resources.stations.servicer import StationsServicer

__all__ = ["Station", "StationRepository", "StationsServicer", "hash_password", "verify"]
