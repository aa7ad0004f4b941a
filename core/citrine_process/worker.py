"""One of several processes behind one address: `python -m citrine_process.worker MODULE NUMBER …`.

Its supervisor starts it so, and has the only other end of its standard input: once that ends, the supervisor is gone,
and the worker stops as by SIGTERM.
"""

import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence

__all__ = ["run_worker"]

STANDARD_INPUT = 0


def run_worker(module: str, number: int, arguments: Sequence[str]) -> int:
    """Run `main(arguments, number)` of a module and return its exit code."""
    threading.Thread(target=_stop_with_supervisor, name="supervisor", daemon=True).start()
    # What is imported stays: to look for garbage in it makes a start a fifth longer.
    gc.disable()
    try:
        main: Callable[[Sequence[str], int], int] = importlib.import_module(module).main
    finally:
        gc.freeze()
        gc.enable()
    return main(arguments, number)


def _stop_with_supervisor() -> None:
    while os.read(STANDARD_INPUT, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
