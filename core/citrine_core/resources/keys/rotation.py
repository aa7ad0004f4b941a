"""The rotation of a key: its replacement by another one."""

from datetime import datetime, timedelta

from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.secrets import KeyText

__all__ = ["rotate"]


def rotate(old: ApiKey, key: KeyText, now: datetime, grace: timedelta, expire_time: datetime | None) -> ApiKey:
    """Return a key with the same rights as another, and make the other expire after a grace period.

    Args:
        old: The key to replace. It expires after `grace`, or at its own expiry if that is earlier.
        key: Id and secret of the new key.
        now: The current time.
        grace: The grace period, 0 or more.
        expire_time: Expiry of the new key. None: it does not expire.
    """
    end = now + grace
    old.expire_time = end if old.expire_time is None else min(old.expire_time, end)
    old.replaced_by = key.key_id
    return ApiKey(
        key_id=key.key_id,
        tenant_id=old.tenant_id,
        display_name=old.display_name,
        scopes=old.scopes,
        roles=old.roles,
        secret_hash=key.secret_hash,
        expire_time=expire_time,
        create_time=now,
    )
