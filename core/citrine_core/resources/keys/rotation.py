"""How one key takes the place of another."""

from datetime import datetime, timedelta

from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.secrets import KeyText

__all__ = ["rotate"]


def rotate(old: ApiKey, key: KeyText, now: datetime, grace: timedelta, expire_time: datetime | None) -> ApiKey:
    """Return a key that may do what another may, and let that one end after a grace time.

    Args:
        old: It ends after `grace`, or before where it would have anyway.
        key: Id and secret of the new one.
        now: The time.
        grace: 0 or more.
        expire_time: Of the new one. None: it does not end.
    """
    end = now + grace
    old.expire_time = end if old.expire_time is None else min(old.expire_time, end)
    old.replaced_by = key.key_id
    return ApiKey(
        key_id=key.key_id,
        tenant_id=old.tenant_id,
        display_name=old.display_name,
        scopes=old.scopes,
        secret_hash=key.secret_hash,
        expire_time=expire_time,
        create_time=now,
    )
