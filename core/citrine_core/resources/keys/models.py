"""Tables of the API keys."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["ApiKey"]


class ApiKey(Model):
    """An API key without its secret.

    The id alone is the primary key of the table, because keys are read before the tenant is known.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index(None, "tenant_id", "key_id"),
        # Of one file, only one key is valid, even if several cores start at the same time.
        PartialIndex(
            "uq_api_keys_key_file",
            "key_file",
            unique=True,
            where=text("key_file IS NOT NULL AND revoke_time IS NULL"),
        ),
    )

    key_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("tenants.tenant_id"))
    """Tenant of the key. None: the operator of all tenants."""
    display_name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(Text)
    """The scopes, sorted and separated by blanks."""
    roles: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """The roles, sorted and separated by blanks."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    expire_time: Mapped[datetime | None]
    create_time: Mapped[datetime]
    revoke_time: Mapped[datetime | None]
    last_use_time: Mapped[datetime | None]
    """Time of the last known use, to the minute. None: never."""
    key_file: Mapped[str | None] = mapped_column(String(300))
    """Host and path of the file into which a core wrote the key; the core renews the key."""
    replaced_by: Mapped[str | None] = mapped_column(String(20))
    """key_id of the key that replaced it at its rotation."""
