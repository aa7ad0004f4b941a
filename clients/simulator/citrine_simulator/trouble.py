"""Messages on standard error about stations that can't connect, and of the first that do."""

import shutil
import sys
import textwrap
from collections.abc import Mapping

from citrine_simulator.events import Event

__all__ = ["FirstSteps", "Trouble"]

_STATUSES: Mapping[int, str] = {
    401: "the CSMS knows no such station in that tenant, or another password",
    404: "the CSMS knows no such station or tenant",
}
"""Causes of a refused handshake, by HTTP status."""


class Trouble:
    """Prints why stations can't connect: once for each cause, until the cause changes or a station connects.

    Args:
        url: URL of the CSMS.
        tenant: Tenant in the URL. None: none.
    """

    def __init__(self, url: str, tenant: str | None = None) -> None:
        self._url = url
        self._tenant = tenant
        self._said: str | int = ""

    def event(self, event: Event) -> None:
        """Handle an event of a station."""
        if event.name == "connected":
            self._said = ""
        elif event.name == "unreachable":
            problem = event.fields["problem"]
            self._say(problem, f"no CSMS answers at {self._url}: {problem}; trying again until it does, or Ctrl-C")
        elif event.name == "refused":
            status = event.fields["status"]
            why = _STATUSES.get(status, "see the log of the CSMS")
            refused = f"{event.station_id} is refused with HTTP status {status}: {why}"
            self._say(status, f"{refused}{self._advice(event.station_id, status)}; trying again until Ctrl-C")

    def _advice(self, station_id: str, status: int) -> str:
        if status not in _STATUSES:
            return ""
        tenant = f" --tenant {self._tenant}" if self._tenant else ""
        advice = f" (with Citrine: citrine{tenant} station add {station_id} --password P, and --password P here"
        return f"{advice})" if self._tenant else f"{advice}; and --tenant, if it has several, as demo of citrine up)"

    def _say(self, what: str | int, text: str) -> None:
        # All stations usually have the same trouble, so it is printed once.
        if what != self._said:
            self._said = what
            _print(text)


class FirstSteps:
    """Prints that stations connect and that the first EV charges, for those who are shown nothing else.

    Args:
        stations: How many there are.
    """

    def __init__(self, stations: int) -> None:
        self._waiting = stations
        self._connected: set[str] = set()
        self._is_charging = False

    def begin(self, url: str) -> None:
        """Print that stations begin to connect to a CSMS, and go on until they are stopped."""
        _print(f"{_count(self._waiting)} to connect to {url}; --events shows what they do, Ctrl-C stops it")

    def event(self, event: Event) -> None:
        """Handle an event of a station."""
        if event.name == "connected" and event.station_id not in self._connected:
            self._connected.add(event.station_id)
            if len(self._connected) == self._waiting:
                _print(f"{_count(self._waiting)} connected")
        elif event.name == "charging" and not self._is_charging:
            self._is_charging = True
            _print(f"the first EV charges, at {event.station_id}")


def _count(stations: int) -> str:
    return "1 station" if stations == 1 else f"{stations} stations"


def _print(text: str) -> None:
    sys.stderr.write("".join(f"{part}\n" for part in _parts(f"citrine simulate: {text}")))
    sys.stderr.flush()


def _parts(text: str) -> list[str]:
    """Return a line, wrapped at words to the width of the terminal."""
    if not sys.stderr.isatty():
        return [text]
    columns = max(shutil.get_terminal_size().columns, 40)
    return textwrap.wrap(text, columns, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
