"""Candidates: passwords that were sent to a station and may be its own by now. Pure functions.

They are stored in one text, the oldest first: a line each, with the id of the command that sends it, and its hash. A
hash alone, of a version that stored one at most, belongs to any command.
"""

from typing import NamedTuple

__all__ = ["Candidate", "add", "candidates_of", "newer_than", "without"]

MOST = 4
"""Candidates of a station; the oldest is forgotten. There are several only where answers of the station were lost."""


class Candidate(NamedTuple):
    """A password that a station may have."""

    command_id: str
    """Empty: not known."""
    password_hash: str


def candidates_of(stored: str | None) -> list[Candidate]:
    """Return the candidates of a station, the oldest first."""
    found = []
    for line in (stored or "").splitlines():
        command_id, _, password_hash = line.rpartition(" ")
        found.append(Candidate(command_id, password_hash))
    return found


def add(stored: str | None, candidate: Candidate) -> str:
    """Return what to store where a command is about to send another password."""
    others = [one for one in candidates_of(stored) if one.command_id != candidate.command_id]
    return _text([*others, candidate][-MOST:]) or ""


def newer_than(stored: str | None, used: Candidate) -> str | None:
    """Return what to store once a candidate proved to be the password: those that were sent after it."""
    found = candidates_of(stored)
    return _text(found[found.index(used) + 1 :]) if used in found else _text(found)


def without(stored: str | None, command_id: str) -> str | None:
    """Return what to store where the station did not take the password of a command."""
    return _text([one for one in candidates_of(stored) if one.command_id not in ("", command_id)])


def _text(found: list[Candidate]) -> str | None:
    return "\n".join(f"{one.command_id} {one.password_hash}".lstrip() for one in found) or None
