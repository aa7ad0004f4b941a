"""The limit of open files of a process, raised as far as it goes without privileges."""

import resource

__all__ = ["raise_limit"]


def raise_limit(needed: int) -> int:
    """Raise the limit of open files to this number, or as far as it goes; return how many there may be of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            # The system has a limit of its own, or forbids to raise it.
            return soft
    return wanted
