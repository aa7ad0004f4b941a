"""Tables of functional block C."""

from sqlalchemy import ForeignKey, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["AuthorizationSettings"]


class AuthorizationSettings(Model):
    """The settings by which a tenant decides on tokens. A tenant without a row has the defaults."""

    __tablename__ = "authorization_settings"

    tenant_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True
    )
    exact_token_ids: Mapped[bool] = mapped_column(default=False, server_default=false())
    """True: another separator between the bytes of an id makes another token."""
    master_pass_group_id: Mapped[str] = mapped_column(String(36), default="")
    """Group of the master passes. Empty: only tokens with master_pass are master passes."""
    ocsp_hosts: Mapped[str] = mapped_column(Text, default="[]")
    """JSON array: hosts of OCSP responders that stations may name although their addresses are private."""
    authorizer_address: Mapped[str] = mapped_column(String(255), default="")
    """host:port of the operator's AuthorizerService. Empty: there is none."""
    authorizer_tls: Mapped[bool] = mapped_column(default=False)
    authorizer_ca_certificates: Mapped[str] = mapped_column(Text, default="")
    """Root certificates to trust, PEM. Empty: the default roots of gRPC."""
    authorizer_credential: Mapped[str] = mapped_column(Text, default="")
    """Encrypted. Empty: there is none. The API never shows it."""
    authorizer_ask: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.api.v1.Authorizer.Ask"""
    authorizer_timeout: Mapped[int | None] = mapped_column(Integer)
    """Milliseconds. None: the default."""
    authorizer_offline_policy: Mapped[int] = mapped_column(Integer, default=0)
    """citrine.api.v1.Authorizer.OfflinePolicy"""
    lost_authorization: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """citrine.api.v1.LostAuthorization"""
