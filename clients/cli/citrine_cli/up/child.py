"""A process of Citrine that stops when its parent ends: `python -m citrine_cli.up.child PARENT …`.

A killed supervisor can't stop its children. On Linux the kernel signals them; on other systems they continue.
"""

import ctypes
import os
import signal
import sys

from citrine_cli.main import main

__all__ = ["follow_parent"]

_PR_SET_PDEATHSIG = 1


def follow_parent(parent: int) -> None:
    """Make the kernel send SIGTERM to this process when the parent ends."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # The parent ended before the call.
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    follow_parent(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
