"""The rules by which a token may charge: one place for Authorize and TransactionEvent."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tokens_pb2 import TokenStatus
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_core.resources.tokens import Token, TokenKey, TokenRepository, type_of

__all__ = ["KnownTokens", "find_tokens", "id_token_info"]

_Status = AuthorizationStatusEnum

_NO_AUTHORIZATION = "NoAuthorization"
_KEY_CODE = "KeyCode"
_GROUP_TYPE = "Central"
"""Type of groupIdToken: the CSMS made it."""

KnownTokens = Mapping[TokenKey, Token]
"""Tokens by id and type as stations sent them."""


async def find_tokens(session: AsyncSession, tenant_id: str, presented: Iterable[IdToken]) -> KnownTokens:
    """Return those of the presented tokens that the tenant knows."""
    return await TokenRepository(session).find_all(tenant_id, {(token.id_token, token.type) for token in presented})


def id_token_info(presented: IdToken, known: KnownTokens, now: datetime, *, starts: bool = False) -> IdTokenInfo:
    """Return whether a token may charge.

    Args:
        presented: What the station sent.
        known: Tokens of the tenant, as `find_tokens` returns them.
        now: The time to compare expiries with.
        starts: True where the token begins or continues charging, false where it only asks or stops.
    """
    kind = type_of(presented.type)
    if kind == _NO_AUTHORIZATION:
        # C02.FR.02: somebody pressed a button. There is nothing to refuse.
        return IdTokenInfo(status=_Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED)
    token = known.get((presented.id_token, presented.type))
    if token is None:
        # C04.FR.01 for what drivers type; any other token that we do not know is Unknown.
        is_typed = kind == _KEY_CODE
        return IdTokenInfo(
            status=_Status.AUTHORIZATION_STATUS_ENUM_INVALID if is_typed else _Status.AUTHORIZATION_STATUS_ENUM_UNKNOWN
        )
    info = IdTokenInfo(status=_status(token, now, starts))
    if token.expire_time is not None:
        info.cache_expiry_date_time.FromDatetime(token.expire_time)
    if token.group_id:
        # C01.FR.06, C09.FR.12: whatever the status.
        info.group_id_token.CopyFrom(IdToken(id_token=token.group_id, type=_GROUP_TYPE))
    if token.language:
        info.language1 = token.language
    if token.charging_priority:
        info.charging_priority = token.charging_priority
    return info


def _status(token: Token, now: datetime, starts: bool) -> AuthorizationStatusEnum.ValueType:
    # Only what is said to be accepted is: a status that is new to this version is none of it.
    if token.status not in (TokenStatus.TOKEN_STATUS_ACCEPTED, TokenStatus.TOKEN_STATUS_UNSPECIFIED):
        return _Status.AUTHORIZATION_STATUS_ENUM_BLOCKED
    if token.expire_time is not None and token.expire_time <= now:
        return _Status.AUTHORIZATION_STATUS_ENUM_EXPIRED
    if token.master_pass and starts:
        # C16.FR.03: a master pass stops transactions, and starts none.
        return _Status.AUTHORIZATION_STATUS_ENUM_INVALID
    return _Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED
