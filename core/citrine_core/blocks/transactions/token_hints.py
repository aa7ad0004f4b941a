"""What an operator should know of a refused token: the tenant has its id, under another type."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.resources.tokens import TokenRepository, type_of

__all__ = ["known_token_types"]

_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED


async def known_token_types(session: AsyncSession, tenant_id: str, rows: Sequence[Row[Any]]) -> dict[str, list[str]]:
    """Return the types under which refused ids of transactions are known otherwise; mostly there is nothing to ask."""
    refused = {
        row.id_token: type_of(row.id_token_type or "")
        for row in rows
        if row.id_token and row.id_token_status not in (None, _ACCEPTED)
    }
    if not refused:
        return {}
    known = await TokenRepository(session).types_of(tenant_id, refused)
    return {id_token: kinds for id_token, kinds in known.items() if refused[id_token] not in kinds}
