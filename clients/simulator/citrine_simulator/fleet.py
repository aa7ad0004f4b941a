"""The stations of a run without a fleet file: their ids, passwords, tokens and URL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from citrine_simulator.errors import UsageError
from citrine_simulator.tls import TlsFiles

__all__ = ["Fleet", "read_passwords", "station_ids"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Stations that differ only in id and password."""

    url: str
    stations: Mapping[str, str | None]
    """Passwords by station id; None: the station has none."""
    tenant: str | None = None
    versions: Sequence[str] = ("2.0.1",)
    """OCPP versions of the stations, assigned in turn."""
    id_tokens: Sequence[str] = ("C0FFEE01",)
    """Tokens of the stations, assigned in turn."""
    tls: TlsFiles = field(default_factory=TlsFiles)
    order_url: str | None = None
    """Where they order certificates with their passwords; None: they order none."""

    def version(self, number: int) -> str:
        """Return the OCPP version of the station with this number, from 0 on."""
        return self.versions[number % len(self.versions)]

    def token(self, number: int) -> str:
        """Return the token of the station with this number."""
        return self.id_tokens[number % len(self.id_tokens)]


def station_ids(prefix: str, count: int) -> list[str]:
    """Return numbered ids, e.g. SIM-0001 and SIM-0002."""
    return [f"{prefix}{number:04}" for number in range(1, count + 1)]


def read_passwords(path: Path) -> dict[str, str]:
    """Read a JSON object of passwords by station id.

    Raises:
        UsageError: When the file can't be read or has another content.
    """
    try:
        passwords = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise UsageError(f"cannot read the passwords in {path}: {problem}") from problem
    if not isinstance(passwords, dict) or not all(isinstance(one, str) for one in passwords.values()):
        raise UsageError(f"{path} is not a JSON object of passwords by station id")
    return passwords
