"""OCPI's transport and format: what is the same for all endpoints, at the server's side and at the client's."""

from citrine_ocpi.transport.routing import Party, Routing, TraceIds
from citrine_ocpi.transport.status import InterfaceRole, Status, Version

__all__ = ["InterfaceRole", "Party", "Routing", "Status", "TraceIds", "Version"]
