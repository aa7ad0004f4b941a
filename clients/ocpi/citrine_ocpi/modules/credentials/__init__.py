"""Module credentials: by which tokens both sides call each other, and who they are."""

from citrine_ocpi.modules.credentials.server import CredentialsModule

__all__ = ["CredentialsModule"]
