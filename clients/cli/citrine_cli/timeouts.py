"""Timeouts of commands to stations."""

__all__ = ["DEFAULT_TIMEOUT", "LONGEST_TIMEOUT", "LONGEST_WORK", "MARGIN"]

DEFAULT_TIMEOUT = 30.0
"""Default seconds to wait for the answer of a station."""

LONGEST_TIMEOUT = 600.0
"""Longest timeout that the API allows, in seconds."""

MARGIN = 5.0
"""Seconds that the call may take longer than the station's timeout, so that the core's answer arrives."""

LONGEST_WORK = 3600.0
"""Longest time of a request with many messages, in seconds. Each message has its own timeout."""
