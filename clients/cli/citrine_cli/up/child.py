"""Runs a process of Citrine as a child that stops when its parent is gone: `python -m citrine_cli.up.child PARENT …`.

A supervisor that is killed can't stop its children. On Linux the kernel tells them; elsewhere they stay.
"""

import ctypes
import os
import signal
import sys

from citrine_cli.main import main

__all__ = ["follow_parent"]

_PR_SET_PDEATHSIG = 1


def follow_parent(parent: int) -> None:
    """Have this process get SIGTERM when the given parent ends."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It ended before the kernel was told.
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    follow_parent(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
