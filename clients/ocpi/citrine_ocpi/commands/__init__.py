"""`citrine ocpi`: partners, parties and deliveries of the OCPI adapter."""

from citrine_ocpi.commands.group import build

__all__ = ["build"]
