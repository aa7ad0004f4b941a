"""Entries of a local list, and the messages that send them within a station's limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from citrine.api.v1.tokens_pb2 import TokenRules, TokenWhitelist
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
"""Most entries of a message to a station that does not report ItemsPerMessage."""

OVERHEAD = 150
"""Most bytes of a message without its entries."""

_Status = AuthorizationStatusEnum


class Entry(NamedTuple):
    """A token of a list, with the information that the station stores about it."""

    lookup: str
    type: str
    id_token: str
    info: bytes | None
    """Serialised citrine.ocpp.v2.IdTokenInfo. None: the station must remove the token."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a station's local list, from its device model. None: not reported."""

    items: int | None = None
    """ItemsPerMessage"""
    bytes: int | None = None
    """BytesPerMessage"""
    entries: int | None = None
    """maxLimit of Entries: most tokens that it can store."""


def entry_of(data: AuthorizationData) -> Entry:
    """Return an element of a message as an entry."""
    info = data.id_token_info.SerializeToString(deterministic=True) if data.HasField("id_token_info") else None
    token = data.id_token
    return Entry(lookup_of(token.id_token, token.type), type_of(token.type), token.id_token, info)


def entries_of(request: SendLocalListRequest) -> list[Entry]:
    """Return the entries of a message; if it names a token twice, the last one."""
    entries = (entry_of(data) for data in request.local_authorization_list)
    return list({(entry.lookup, entry.type): entry for entry in entries}.values())


def check_list(request: SendLocalListRequest) -> None:
    """Refuse a request that is invalid for any station.

    Raises:
        InvalidArgument: When it has no valid update type or version, names a token twice (D01.FR.06), or is a full list
            with a token without id_token_info.
    """
    if request.update_type not in (DIFFERENTIAL, FULL):
        raise InvalidArgument("request.update_type", "must be Full or Differential")
    if request.version_number < 0:
        raise InvalidArgument("request.version_number", "must not be negative")
    seen: set[tuple[str, str]] = set()
    for position, entry in enumerate(map(entry_of, request.local_authorization_list)):
        field = f"request.local_authorization_list[{position}]"
        if (entry.lookup, entry.type) in seen:
            raise InvalidArgument(f"{field}.id_token", "must not occur twice")
        if entry.info is None and request.update_type == FULL:
            raise InvalidArgument(f"{field}.id_token_info", "must be set in a full list")
        seen.add((entry.lookup, entry.type))


def messages_of(
    update_type: "UpdateEnum.ValueType", entries: Sequence[Entry], limits: Limits, version: int
) -> list[SendLocalListRequest]:
    """Return the messages that send a list, with increasing versions.

    If a full list needs several messages, the first is Full and the others are Differential (D01.FR.15).

    Args:
        update_type: Full or Differential.
        entries: All entries to send. Without any, a full list is one message that removes all tokens.
        limits: Limits of the station.
        version: Version of the first message.
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
    """Return the serialised IdTokenInfo that a station should have for a token; None if it should have none.

    A station can't check rules about times or concurrent transactions. It gets such a token with a status that
    forbids charging, and asks the CSMS about it while it is online (C14.FR.03). So it does with one that it must not
    accept by itself.
    """
    presented = Presented(station_id, IdToken(id_token=token.id_token, type=token.type), Purpose.ASK)
    info = decide_known(token, presented, facts)
    if info.status == _Status.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_TIME or token.rules is not None:
        _be_careful(info, TokenRules.FromString(token.rules or b""))
    is_accepted = info.status == _Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED
    if is_accepted and token.whitelist == TokenWhitelist.TOKEN_WHITELIST_NEVER:
        info.status = _Status.AUTHORIZATION_STATUS_ENUM_INVALID
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
