"""What a local list is sent as: entries, and messages that a station can take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from citrine.api.v1.tokens_pb2 import TokenRules
from citrine.ocpp.codec import encode
from citrine.ocpp.v2.local_auth_list_pb2 import AuthorizationData, SendLocalListRequest, UpdateEnum
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_core.blocks.authorization import Facts, Presented, Purpose, decide_known
from citrine_core.errors import InvalidArgument
from citrine_core.resources.tokens import Token, lookup_of, type_of

__all__ = ["Entry", "Limits", "check_list", "entries_of", "entry_of", "messages_of", "wanted_of"]

DIFFERENTIAL = UpdateEnum.UPDATE_ENUM_DIFFERENTIAL
FULL = UpdateEnum.UPDATE_ENUM_FULL

ITEMS = 100
"""Entries of a message to a station that does not say how many it takes."""

OVERHEAD = 150
"""Bytes of a message without its entries, at most."""

_Status = AuthorizationStatusEnum


class Entry(NamedTuple):
    """A token of a list, and what the station is to know of it."""

    lookup: str
    type: str
    id_token: str
    info: bytes | None
    """Serialised citrine.ocpp.v2.IdTokenInfo. None: the station is to forget it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a station says of the lists it takes. None: it does not say."""

    items: int | None = None
    """ItemsPerMessage"""
    bytes: int | None = None
    """BytesPerMessage"""
    entries: int | None = None
    """maxLimit of Entries: tokens that it can hold."""


def entry_of(data: AuthorizationData) -> Entry:
    """Return what a message says of a token."""
    info = data.id_token_info.SerializeToString(deterministic=True) if data.HasField("id_token_info") else None
    token = data.id_token
    return Entry(lookup_of(token.id_token, token.type), type_of(token.type), token.id_token, info)


def entries_of(request: SendLocalListRequest) -> list[Entry]:
    """Return what a message says; of a token that it names twice, the last word."""
    entries = (entry_of(data) for data in request.local_authorization_list)
    return list({(entry.lookup, entry.type): entry for entry in entries}.values())


def check_list(request: SendLocalListRequest) -> None:
    """Refuse a list that no station can take.

    Raises:
        InvalidArgument: When it names a token twice (D01.FR.06), or is a full one and names a token without saying
            anything of it.
    """
    if request.update_type not in (DIFFERENTIAL, FULL):
        raise InvalidArgument("request.update_type", "must be Full or Differential")
    if request.version_number < 0:
        raise InvalidArgument("request.version_number", "must not be negative")
    seen: set[tuple[str, str]] = set()
    for position, entry in enumerate(map(entry_of, request.local_authorization_list)):
        field = f"request.local_authorization_list[{position}]"
        if (entry.lookup, entry.type) in seen:
            raise InvalidArgument(f"{field}.id_token", "must not come twice")
        if entry.info is None and request.update_type == FULL:
            raise InvalidArgument(f"{field}.id_token_info", "must be set in a full list")
        seen.add((entry.lookup, entry.type))


def messages_of(
    update_type: "UpdateEnum.ValueType", entries: Sequence[Entry], limits: Limits, version: int
) -> list[SendLocalListRequest]:
    """Return the messages that say a list, with growing versions.

    A full list that takes several begins with a Full one and goes on with Differential ones (D01.FR.15).

    Args:
        update_type: Full or Differential.
        entries: All of them. Without any, a full list is one message that empties it.
        limits: Of the station.
        version: Of the first message.
    """
    messages: list[SendLocalListRequest] = []
    for part in _parts(entries, limits):
        kind = DIFFERENTIAL if messages else update_type
        data = [_to_ocpp(entry) for entry in part]
        messages.append(
            SendLocalListRequest(
                version_number=version + len(messages), update_type=kind, local_authorization_list=data
            )
        )
    return messages


def _parts(entries: Sequence[Entry], limits: Limits) -> Iterator[Sequence[Entry]]:
    items, size = limits.items or ITEMS, limits.bytes
    part: list[Entry] = []
    length = OVERHEAD
    for entry in entries:
        more = 0 if size is None else len(orjson.dumps(encode(_to_ocpp(entry)))) + 1
        if part and (len(part) >= items or (size is not None and length + more > size)):
            yield part
            part, length = [], OVERHEAD
        part.append(entry)
        length += more
    if part or not entries:
        yield part


def _to_ocpp(entry: Entry) -> AuthorizationData:
    data = AuthorizationData(id_token=IdToken(id_token=entry.id_token, type=entry.type))
    if entry.info is not None:
        data.id_token_info.CopyFrom(IdTokenInfo.FromString(entry.info))
    return data


def wanted_of(token: Token, station_id: str, facts: Facts, *, include_refused: bool) -> bytes | None:
    """Return what a station should hold of a token; None where it should hold nothing.

    What depends on the time or on other transactions a station can't tell by itself. It holds such a token as one
    that may not charge, and asks for it where it is online (C14.FR.03).
    """
    presented = Presented(station_id, IdToken(id_token=token.id_token, type=token.type), Purpose.ASK)
    info = decide_known(token, presented, facts)
    if info.status == _Status.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_TIME or token.rules is not None:
        _be_careful(info, TokenRules.FromString(token.rules or b""))
    if info.status != _Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED and not include_refused:
        return None
    info.ClearField("cache_expiry_date_time")
    if token.expire_time is not None:
        info.cache_expiry_date_time.FromDatetime(token.expire_time)
    return info.SerializeToString(deterministic=True)


def _be_careful(info: IdTokenInfo, rules: TokenRules) -> None:
    if info.status not in (
        _Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED,
        _Status.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_TIME,
    ):
        return
    if rules.times:
        info.status = _Status.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_TIME
    elif rules.max_transactions:
        info.status = _Status.AUTHORIZATION_STATUS_ENUM_CONCURRENT_TX
