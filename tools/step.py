"""Runs a command quietly and says how it goes: `python tools/step.py TITLE COMMAND…`.

On a terminal one line is drawn again and again; in a log there is one every 15 seconds. What the command wrote is shown
where it failed. Only the standard library: this runs before anything is installed.
"""

import queue
import subprocess
import sys
import threading
import time

__all__ = ["main"]

INTERVAL = 15.0
"""Seconds between two lines in a log."""

REDRAWN = 0.5
"""Seconds between two on a terminal."""

WIDTH = 79
"""Columns of a line that is drawn again: one that wraps can't be."""

_TOLD = ("Collecting ", "Downloading ", "Building ", "Installing ", "Preparing ", "Getting ", "Using cached ")
"""How pip's lines begin that say what it is at."""


def main(title: str, command: list[str]) -> int:
    """Run a command and return its exit code."""
    begin = time.monotonic()
    is_terminal = sys.stdout.isatty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    output: list[str] = []
    at, said = "", begin
    _say(f"  {title} …", is_terminal)
    while True:
        try:
            line = lines.get(timeout=REDRAWN)
        except queue.Empty:
            line = ""
        if line is None:
            break
        if line:
            output.append(line)
            if line.strip().startswith(_TOLD):
                at = line.strip().split(" (", 1)[0][:50]
        if time.monotonic() - said >= (REDRAWN if is_terminal else INTERVAL):
            said = time.monotonic()
            _say(f"  [{_clock(begin)}] {at or 'starting'}", is_terminal)
    code = process.wait()
    if code:
        if is_terminal:
            sys.stdout.write("\n")
        sys.stdout.writelines(output)
    ending = f"failed with exit code {code}" if code else "done"
    _say(f"  {title}: {ending} in {_clock(begin)}", is_terminal)
    if is_terminal:
        sys.stdout.write("\n")
    return code


def _read(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _say(text: str, is_terminal: bool) -> None:
    if is_terminal:
        sys.stdout.write(f"\r{text[:WIDTH]:{WIDTH}}")
    elif text:
        sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _clock(begin: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - begin), 60)
    return f"{minutes}:{seconds:02}"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
