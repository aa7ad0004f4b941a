"""Queries into keys for other packages."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.resources.keys.models import ApiKey
from citrine_core.rpc.roles import ALL_SCOPES, allowed

__all__ = ["why_not_allowed"]


async def why_not_allowed(session: AsyncSession, key_id: str, scope: str, now: datetime) -> str:
    """Return why what was begun with a key must not go on, for people; empty if it may.

    The key that replaced one at its rotation stands for it, and so does that which a core wrote into a file after it.
    Somebody who revokes a key ends what was begun with it, and with those that it replaced. That a key of a file has
    expired ends nothing: nobody revoked it, its core has gone.

    Args:
        session: Session of the database.
        key_id: Id of the key.
        scope: Scope that is needed.
        now: The time now.
    """
    found, problem = await session.get(ApiKey, key_id), "the key that began it does not exist any more"
    seen: set[str] = set()
    while found is not None and found.key_id not in seen:
        seen.add(found.key_id)
        is_of_file = found.key_file is not None
        if found.revoke_time is not None:
            problem = f"the key {found.display_name} was revoked"
            if not is_of_file:
                break
        elif not is_of_file and found.expire_time is not None and found.expire_time <= now:
            problem = f"the key {found.display_name} expired"
        else:
            scopes = allowed(frozenset(found.scopes.split()), frozenset(found.roles.split()))
            return "" if scopes & {scope, ALL_SCOPES} else f"the key {found.display_name} lacks the scope {scope}"
        found = await session.get(ApiKey, found.replaced_by) if found.replaced_by is not None else None
    return problem
