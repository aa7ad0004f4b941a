"""Messages on standard error about stations that can't connect."""

import shutil
import sys
import textwrap
from collections.abc import Mapping

from citrine_simulator.events import Event

__all__ = ["Trouble"]

_STATUSES: Mapping[int, str] = {
    401: "the CSMS knows no such station, or another password",
    404: "the CSMS knows no such station or tenant",
}
"""Causes of a refused handshake, by HTTP status."""


class Trouble:
    """Prints why stations can't connect: once for each cause, until the cause changes or a station connects.

    Args:
        url: URL of the CSMS.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._said = 0

    def event(self, event: Event) -> None:
        """Handle an event of a station."""
        if event.name == "connected":
            self._said = 0
        elif event.name == "unreachable":
            self._say(-1, f"no CSMS answers at {self._url}; trying again until it does, or Ctrl-C")
        elif event.name == "refused":
            status = event.fields["status"]
            why = _STATUSES.get(status, "see the log of the CSMS")
            refused = f"{event.station_id} is refused with HTTP status {status}: {why}"
            self._say(status, f"{refused}; trying again until Ctrl-C")

    def _say(self, what: int, text: str) -> None:
        # All stations usually have the same trouble, so it is printed once.
        if what != self._said:
            self._said = what
            sys.stderr.write("".join(f"{part}\n" for part in _parts(f"citrine simulate: {text}")))
            sys.stderr.flush()


def _parts(text: str) -> list[str]:
    """Return a line, wrapped at words to the width of the terminal."""
    if not sys.stderr.isatty():
        return [text]
    columns = max(shutil.get_terminal_size().columns, 40)
    return textwrap.wrap(text, columns, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
