"""Deletes a token, and notifies blocks and clients."""

from citrine.events.v1.events_pb2 import TokenChanged
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.resources.tokens.conversion import changed_event
from citrine_core.resources.tokens.models import Token
from citrine_core.resources.tokens.repository import TokenRepository
from citrine_core.services import Services

__all__ = ["delete_token"]


async def delete_token(work: UnitOfWork, services: Services, token: Token) -> None:
    """Delete a token, and notify blocks and clients in the same transaction of the database."""
    token.update_time = await change_time(work.session, services.clock)
    await TokenRepository(work.session).remove(token)
    work.emit(changed_event(token, TokenChanged.KIND_DELETED))
    for notify in services.registry.on_token_change:
        await notify(work, token.tenant_id, [(token.id_token, token.type)])
