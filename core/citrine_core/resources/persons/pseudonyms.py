"""Finds ids of persons in whatever is stored, and replaces them by pseudonyms of the same length.

An id is found whole: as a field of a serialised message, which its length precedes, or as a word of a text. A
pseudonym has as many bytes as the id, so messages stay what they are without being parsed, also those of types that
nobody here knows.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Identity", "Person", "pseudonym_for"]

LETTERS = b"ghjkmnpqrstvwxyz"
"""Letters of pseudonyms: no digits of bytes, so that none is the id of a card."""

SEPARATORS = b":.*- "

SHORTEST_WORD = 6
"""Shorter ids are found as a field, a whole value or a quoted text, and not as a word in a text."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An id, and what stands for it."""

    value: str
    pseudonym: str
    """As many bytes, without the separators of the id."""


def pseudonym_for(value: str) -> str:
    """Return a new pseudonym for an id."""
    return bytes(secrets.choice(LETTERS) for _ in _significant(value)).decode()


class Person:
    """The ids of one person."""

    def __init__(self, identities: Sequence[Identity]) -> None:
        self._known = [(_pattern(one.value), one) for one in identities]

    def is_in(self, value: Any) -> bool:
        """Return whether an id stands in a value of a column."""
        return value is not None and self.replace(value) != value

    def replace(self, value: Any) -> Any:
        """Return a value of a column with all ids replaced; values without one are returned as they are."""
        if isinstance(value, str):
            encoded = value.encode()
            replaced = self._replace(encoded)
            return value if replaced is encoded else replaced.decode()
        return self._replace(value) if isinstance(value, bytes) else value

    def _replace(self, content: bytes) -> bytes:
        for pattern, identity in self._known:
            found = [one.span() for one in pattern.finditer(content) if _is_whole(content, *one.span())]
            if found:
                changed = bytearray(content)
                for start, end in found:
                    changed[start:end] = _spell(content[start:end], identity.pseudonym)
                content = bytes(changed)
        return content


def _significant(value: str) -> bytes:
    """Return the bytes of an id without separators; of one that has nothing else, all."""
    return value.encode().translate(None, SEPARATORS) or value.encode()


def _pattern(value: str) -> re.Pattern[bytes]:
    between = b"[" + re.escape(SEPARATORS) + b"]?"
    return re.compile(between.join(re.escape(bytes([one])) for one in _significant(value)), re.IGNORECASE)


def _is_whole(content: bytes, start: int, end: int) -> bool:
    before, after = content[start - 1 : start], content[end : end + 1]
    length = end - start
    if before == bytes([length & 0x7F]) and length < 0x80:
        return True
    # The length of a longer field has two bytes.
    if content[max(start - 2, 0) : start] == bytes([length & 0x7F | 0x80, length >> 7]):
        return True
    if not before and not after:
        return True
    if length < SHORTEST_WORD:
        return before == after == b'"'
    return not (before.isalnum() or after.isalnum())


def _spell(found: bytes, pseudonym: str) -> bytes:
    """Return a pseudonym with the separators where the id has them."""
    letters = iter(pseudonym.encode())
    if len(found) == len(pseudonym):
        return pseudonym.encode()
    return bytes(one if one in SEPARATORS else next(letters) for one in found)
