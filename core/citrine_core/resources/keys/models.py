"""Tables of the API keys."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["ApiKey"]


class ApiKey(Model):
    """An API key without its secret.

    The id alone is the key of the table: it is asked for before the tenant is known.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index(None, "tenant_id", "key_id"),
        # However many cores start at a time: one key of a file is valid.
        PartialIndex(
            "uq_api_keys_key_file",
            "key_file",
            unique=True,
            where=text("key_file IS NOT NULL AND revoke_time IS NULL"),
        ),
    )

    key_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("tenants.tenant_id"))
    """None: a key of the operator of all tenants."""
    display_name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(Text)
    """Sorted, with blanks between them."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    expire_time: Mapped[datetime | None]
    create_time: Mapped[datetime]
    revoke_time: Mapped[datetime | None]
    last_use_time: Mapped[datetime | None]
    """To the minute. None: never, as far as is known."""
    key_file: Mapped[str | None] = mapped_column(String(300))
    """Host and path of the file that a core left it in, and renews it for."""
    replaced_by: Mapped[str | None] = mapped_column(String(20))
    """key_id of the key that took its place when it was rotated."""
