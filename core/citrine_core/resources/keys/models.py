"""Tables of the API keys."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["ApiKey"]


class ApiKey(Model):
    """An API key without its secret.

    The id alone is the key of the table: it is asked for before the tenant is known.
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "tenant_id", "key_id"),)

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
