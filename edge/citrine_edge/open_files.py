"""Open files of an edge: how many sockets its limit allows, for stations and for connections before their handshake."""

import logging

from citrine_process.open_files import raise_limit

__all__ = ["allow_sockets"]

OTHER_FILES = 200
"""Open files of an edge besides its sockets."""

_logger = logging.getLogger(__name__)


def allow_sockets(count: int, idle: int, *, is_chosen: bool) -> tuple[int, int]:
    """Raise the limit of open files as far as it goes without privileges; return how many sockets there may be.

    The usual limit is 1024, raised to the hard one. Where that is too low as well, there are fewer sockets of stations,
    and a tenth as many beside them for connections that have not begun their handshake.

    Args:
        count: Sockets of stations that are wanted.
        idle: Connections beside them that are wanted.
        is_chosen: Whether an operator chose the former.
    """
    needed = count + idle + OTHER_FILES
    allowed = raise_limit(needed)
    if allowed < needed:
        left = max(2, allowed - OTHER_FILES)
        most = max(1, left * 10 // 11)
        level = logging.WARNING if is_chosen and most < count else logging.INFO
        count = min(count, most)
        idle = min(idle, left - count)
        _logger.log(
            level,
            "fewer sockets than CITRINE_OCPP_MAX_SOCKETS and CITRINE_OCPP_MAX_UNFINISHED: for all of them raise the"
            " hard limit of open files (ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of a container)",
            extra={"sockets": count, "idle": idle, "open_files": allowed, "needed": needed},
        )
    return count, idle
