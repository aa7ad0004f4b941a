"""How long commands wait for stations."""

__all__ = ["DEFAULT_TIMEOUT", "LONGEST_TIMEOUT", "LONGEST_WORK", "MARGIN"]

DEFAULT_TIMEOUT = 30.0
"""Seconds that a station has to answer."""

LONGEST_TIMEOUT = 600.0
"""Most seconds that the API allows a station."""

MARGIN = 5.0
"""Seconds that the call may take longer than the station, so that the core's own word arrives."""

LONGEST_WORK = 3600.0
"""Seconds that work of many messages may take in all; each message has its own limit."""
