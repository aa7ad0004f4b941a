"""Tables of the edges that have a name."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["NamedEdge"]


class NamedEdge(Model):
    """The name of an edge, without its secret. A revoked name remains, so that its certificates stay invalid."""

    __tablename__ = "named_edges"

    edge_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """None: it has no credential, and identifies itself by a certificate."""
    create_time: Mapped[datetime]
    revoke_time: Mapped[datetime | None]
