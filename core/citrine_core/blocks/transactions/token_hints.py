"""Hints on refused tokens: the tenant has a token with the same id and another type."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.resources.tokens import TokenRepository, type_of

__all__ = ["known_token_types"]

_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED


async def known_token_types(session: AsyncSession, tenant_id: str, rows: Sequence[Row[Any]]) -> dict[str, list[str]]:
    """Return other types of tokens with the refused ids of transactions. Usually this needs no query."""
    refused = {
        row.id_token: type_of(row.id_token_type or "")
        for row in rows
        if row.id_token and row.id_token_status not in (None, _ACCEPTED)
    }
    if not refused:
        return {}
    known = await TokenRepository(session).types_of(tenant_id, refused)
    return {id_token: kinds for id_token, kinds in known.items() if refused[id_token] not in kinds}
