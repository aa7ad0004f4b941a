"""Module versions: which versions we speak, and the endpoints of each."""

from citrine_ocpi.modules.versions.server import VersionsModule

__all__ = ["VersionsModule"]
