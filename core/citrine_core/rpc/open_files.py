"""Open files of a core: how many connections of callers and edges its limit allows."""

import logging

from citrine_process.open_files import raise_limit

__all__ = ["allow_connections"]

MOST_CONNECTIONS = 10_000
"""Connections of callers and edges at a time."""

OTHER_FILES = 300
"""Open files of a core besides these: those of the database, and connections to other systems."""

_logger = logging.getLogger(__name__)


def allow_connections() -> int:
    """Raise the limit of open files as far as it goes without privileges; return how many connections there may be.

    Whoever opens more is cut off, so that no number of callers uses up the files that the database needs.
    """
    allowed = raise_limit(MOST_CONNECTIONS + OTHER_FILES)
    connections = max(allowed // 2, allowed - OTHER_FILES)
    if connections < MOST_CONNECTIONS:
        _logger.info("few open files allow few connections", extra={"connections": connections, "open_files": allowed})
    return connections
