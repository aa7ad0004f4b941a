"""Finds ids of persons in values and texts, and replaces them by pseudonyms.

Where nothing but ids stands, any id is found. In a text, or in bytes of a type that nobody here knows, an id is found
whole, as a word or as a field that its length precedes, and only one that nothing else is written like (see
`is_distinctive`): 1250 may be an amount, EUR a currency and fleet a group of stations. The pseudonym of such an id has
as many bytes, so a message stays one.

An id that may be something else is only found among ids of its kind: the PIN 1250 is no group 1250, and the token 1250
of another type is that of somebody else.
"""

import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from citrine_core.resources.persons.fields import ANY, CONTRACT, TOKEN
from citrine_core.resources.tokens import TYPES, lookup_of, type_of

__all__ = ["Identity", "Person", "is_distinctive", "pseudonym_for"]

LETTERS = b"ghjkmnpqrstvwxyz"
"""Letters of pseudonyms: no digits of bytes, so that none is the id of a card."""

SEPARATORS = b":.*- "

_TYPES = frozenset({"ISO14443", "ISO15693"})

SHORTEST = 8
"""Letters and digits that an id has at least which is looked for in texts, or which is bytes of a card."""

OF_OTHERS = 16
"""Letters of the pseudonym of an id that is looked for in no text: one of fewer letters might be somebody's id."""

FEW = 64
"""Most ids of a length that are looked for in a content one by one."""

_CONTRACT = re.compile(rb"[a-z]{2}[0-9a-z]{9,13}", re.IGNORECASE)
"""Ids of contracts without separators."""

_CONTRACT_TYPE = "eMAID"
"""Type of tokens whose id is that of a contract."""

_HEX = re.compile(rb"(?:[0-9a-f]{2})+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """An id, and what stands for it."""

    value: str
    pseudonym: str
    """As many bytes, without the separators of the id, if the id is distinctive."""
    kind: str = ANY
    """Of what it is the id, as in `fields`."""
    type: str = ""
    """Type of the token in the spelling of OCPP. Empty: of any type, or it is not of a token."""

    def may_be(self, kind: str, type_name: str) -> bool:
        """Return whether it may be meant by an equal id of a kind and, if it is of a token, of a type."""
        if ANY in (kind, self.kind) or is_distinctive(self.value):
            return True
        found = type_of(type_name)
        if kind == self.kind:
            # Types of OCPI, and none at all, may be any.
            return kind != TOKEN or not self.type or found not in TYPES or found == self.type
        return {kind, self.kind} == {TOKEN, CONTRACT} and _CONTRACT_TYPE in (found, self.type)


def _runs_of(keys: Collection[bytes], length: int) -> re.Pattern[bytes]:
    """Return the pattern of what has no other bytes than keys of a length have, and may have one of them."""
    return re.compile(
        b"[" + b"".join(re.escape(bytes([one])) for one in sorted({*b"".join(keys)})) + b"]{%d,}" % length
    )


def pseudonym_for(value: str) -> str:
    """Return a new pseudonym for an id."""
    length = len(_significant(value)) if is_distinctive(value) else OF_OTHERS
    return bytes(secrets.choice(LETTERS) for _ in range(length)).decode()


def is_distinctive(value: str) -> bool:
    """Return whether an id is long enough, and has a digit, so that it is not also a word, an amount or a type."""
    known = bytes(one for one in value.encode() if bytes([one]).isalnum() or one >= 0x80)
    return len(known) >= SHORTEST and any(map(bytes.isdigit, _each(known))) and value.upper() not in _TYPES


class _Spellings:
    """How an id may be written. A person may have thousands of ids, of which few are ever met."""

    def __init__(self, identity: Identity, place: int) -> None:
        self.identity = identity
        self.place = place
        """Which one of the person it is."""

    @cached_property
    def any(self) -> re.Pattern[bytes]:
        """Where nothing but ids stands."""
        return _any_spelling(self.identity.value)

    @cached_property
    def whole(self) -> re.Pattern[bytes]:
        """In a field with an id."""
        return _whole_pattern(self.identity.value)

    @cached_property
    def anywhere(self) -> re.Pattern[bytes] | None:
        """In a text. None: there it may be something else."""
        return _pattern(self.identity.value) if is_distinctive(self.identity.value) else None


class Person:
    """The ids of one person, or of all of a group."""

    def __init__(self, identities: Sequence[Identity]) -> None:
        self._identities = identities
        self._by_key: dict[bytes, list[_Spellings]] = {}
        for place, one in enumerate(identities):
            self._by_key.setdefault(_key(one.value.encode()), []).append(_Spellings(one, place))
        by_length: dict[int, set[bytes]] = {}
        for key in self._by_key:
            by_length.setdefault(len(key), set()).add(key)
        # By length, the keys and, of many, where all bytes are of theirs.
        self._by_length = [
            (length, keys, _runs_of(keys, length) if len(keys) > FEW else None) for length, keys in by_length.items()
        ]
        # In JSON, some characters may be written in another way. Of some ids, nothing is left without separators.
        self._may_be_anywhere = any(
            not one.value.encode().translate(None, SEPARATORS) or any(char in one.value for char in '"\\/')
            for one in identities
        )

    def may_be_in(self, content: bytes) -> bool:
        """Return whether any id is in a content, perhaps as a part of something else."""
        return self._may_be_anywhere or next(self._keys_in(content), None) is not None

    def _keys_in(self, content: bytes) -> Iterator[bytes]:
        """Yield the keys of ids that may be in a content, some of them more than once."""
        plain = content.translate(None, SEPARATORS).lower()
        for length, keys, runs in self._by_length:
            if runs is None:
                yield from (key for key in keys if key in plain)
                continue
            for run in runs.finditer(plain):
                start, end = run.span()
                parts = (plain[at : at + length] for at in range(start, end - length + 1))
                yield from (part for part in parts if part in keys)

    def keys_of(self, lookups: Collection[str]) -> Collection[tuple[str, str]]:
        """Return the lookups of the tokens, each with its type; empty: of any type."""
        tokens = [one for one in self._identities if one.kind in (ANY, TOKEN)]
        keys = {(lookup_of(one.value, one.type), one.type) for one in tokens}
        return keys | {(one, "") for one in set(lookups) - {lookup for lookup, _ in keys}}

    def has_id(self, value: str, kind: str = ANY, type_name: str = "") -> bool:
        """Return whether a value is one of the ids."""
        encoded = value.encode()
        known = self._by_key.get(_key(encoded), ())
        return any(one.whole.fullmatch(encoded) and one.identity.may_be(kind, type_name) for one in known)

    def replace_id(self, value: Any, kind: str = ANY, type_name: str = "", *, without_separators: bool = False) -> Any:
        """Return a value of a field of ids, replaced if it is one of the person.

        Args:
            value: The value.
            kind: Of what it is the id, as in `fields`.
            type_name: Type of the token. Empty: it is not known, or it is not of a token.
            without_separators: It has no separators, whatever the id has.
        """
        if isinstance(value, str):
            encoded = value.encode()
            for one in self._by_key.get(_key(encoded), ()):
                pattern = one.any if without_separators else one.whole
                if pattern.fullmatch(encoded) and one.identity.may_be(kind, type_name):
                    return _spell(encoded, one.identity.pseudonym).decode()
        return value

    def replace(self, value: Any) -> Any:
        """Return a text, or bytes, with all distinctive ids replaced; what has none is returned as it is."""
        if isinstance(value, str):
            encoded = value.encode()
            replaced = self._replace(encoded)
            return value if replaced == encoded else replaced.decode()
        return self._replace(value) if isinstance(value, bytes) else value

    def _replace(self, content: bytes) -> bytes:
        met = {one.place: one for key in self._keys_in(content) for one in self._by_key[key]}
        for _, one in sorted(met.items()):
            spans = [found.span() for found in one.anywhere.finditer(content)] if one.anywhere else []
            spans = [span for span in spans if _is_whole(content, *span)]
            if spans:
                changed = bytearray(content)
                for start, end in spans:
                    changed[start:end] = _spell(content[start:end], one.identity.pseudonym)
                content = bytes(changed)
        return content


def _significant(value: str) -> bytes:
    """Return the bytes of an id without separators; of one that has nothing else, all."""
    return value.encode().translate(None, SEPARATORS) or value.encode()


def _key(value: bytes) -> bytes:
    """Return what all spellings of an id have in common, in any case and with any separators."""
    return (value.translate(None, SEPARATORS) or value).lower()


def _each(value: bytes) -> Sequence[bytes]:
    return [bytes([one]) for one in value]


def _any_spelling(value: str) -> re.Pattern[bytes]:
    """Return the pattern of an id where nothing but ids stands."""
    between = b"[" + re.escape(SEPARATORS) + b"]?"
    return re.compile(between.join(map(re.escape, _each(_significant(value)))), re.IGNORECASE)


def _whole_pattern(value: str) -> re.Pattern[bytes]:
    """Return the pattern of a field with this id: only bytes and contracts may have other separators, or none."""
    plain = _significant(value)
    if (_HEX.fullmatch(plain) and len(plain) >= SHORTEST) or _CONTRACT.fullmatch(plain):
        return _any_spelling(value)
    return re.compile(re.escape(value.encode()), re.IGNORECASE if value.isascii() else 0)


def _pattern(value: str) -> re.Pattern[bytes]:
    """Return the pattern of an id anywhere: bytes and contracts have separators where these are in use."""
    plain, separator = _significant(value), b"[" + re.escape(SEPARATORS) + b"]"
    spellings = [re.escape(value.encode()), re.escape(plain)]
    if _HEX.fullmatch(plain):
        pairs = [plain[at : at + 2] for at in range(0, len(plain), 2)]
        if plain.isdigit():
            # Amounts have one separator.
            spellings.append(pairs[0] + b"(?P<separator>" + separator + b")" + b"(?P=separator)".join(pairs[1:]))
        else:
            spellings.append((separator + b"?").join(pairs))
    elif _CONTRACT.fullmatch(plain):
        parts = (plain[:2], plain[2:5], plain[5:-1], plain[-1:])
        spellings.append((separator + b"?").join(parts))
    return re.compile(b"|".join(spellings), re.IGNORECASE)


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
    return not (before.isalnum() or after.isalnum())


def _spell(found: bytes, pseudonym: str) -> bytes:
    """Return a pseudonym with the separators where the id has them."""
    letters = iter(pseudonym.encode())
    if len(found) == len(pseudonym) or len(pseudonym) != len(_significant(found.decode())):
        return pseudonym.encode()
    return bytes(one if one in SEPARATORS else next(letters) for one in found)
