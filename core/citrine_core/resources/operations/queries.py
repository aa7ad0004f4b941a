"""Queries into operations for other packages."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import operations_pb2 as pb
from citrine_core.encryption import Cipher
from citrine_core.resources.operations.actions import unpacked
from citrine_core.resources.operations.models import Operation
from citrine_core.resources.operations.repository import AT_WORK, SECRET_ACTIONS

__all__ = ["ActionRow", "clear_action", "list_actions_at_work"]

_TABLE = Operation.metadata.tables["operations"].c


class ActionRow(NamedTuple):
    """What an operation that has not ended does."""

    tenant_id: str
    operation_id: str
    definition: bytes
    """Serialised citrine.api.v1.Operation, with secrets masked."""
    secret_action: str | None


async def list_actions_at_work(session: AsyncSession, tenant_id: str, after: str, limit: int) -> Sequence[ActionRow]:
    """Return what operations do that have not ended, in the order of their ids, behind an id."""
    columns = (_TABLE[name] for name in ActionRow._fields)
    query = select(*columns).where(_TABLE.tenant_id == tenant_id, _TABLE.state.in_(AT_WORK))
    query = query.where(_TABLE.operation_id > after).order_by(_TABLE.operation_id).limit(limit)
    return [ActionRow(*row) for row in await session.execute(query)]


async def clear_action(row: ActionRow, cipher: Cipher) -> pb.OperationAction:
    """Return what an operation does, with what is secret in it.

    Raises:
        SecretUnreadable: When it can't be decrypted.
    """
    if row.secret_action is None:
        return pb.Operation.FromString(row.definition).action
    context = SECRET_ACTIONS.context(row.tenant_id, row.operation_id)
    return unpacked(await cipher.decrypt(row.secret_action, context))
