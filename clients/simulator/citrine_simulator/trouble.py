"""Says on stderr that stations do not get through, so that nobody waits for one that never comes."""

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
"""What is wrong, by the HTTP status with which a CSMS refuses."""


class Trouble:
    """Tells of what keeps stations from connecting: once, and again when it is something else.

    Args:
        url: Where they connect to.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._said = 0

    def event(self, event: Event) -> None:
        """Take in what happened at a station."""
        if event.name == "connected":
            self._said = 0
        elif event.name == "unreachable":
            self._say(-1, f"no CSMS answers at {self._url}; trying again until it does, or Ctrl-C")
        elif event.name == "refused":
            status = event.fields["status"]
            why = _STATUSES.get(status, "see what the CSMS says of it")
            refused = f"{event.station_id} is refused with HTTP status {status}: {why}"
            self._say(status, f"{refused}; trying again until Ctrl-C")

    def _say(self, what: int, text: str) -> None:
        # Of many stations, each has the same trouble.
        if what != self._said:
            self._said = what
            sys.stderr.write("".join(f"{part}\n" for part in _parts(f"citrine simulate: {text}")))
            sys.stderr.flush()


def _parts(text: str) -> list[str]:
    """Return a line in parts of whole words that a terminal has a place for."""
    if not sys.stderr.isatty():
        return [text]
    columns = max(shutil.get_terminal_size().columns, 40)
    return textwrap.wrap(text, columns, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
