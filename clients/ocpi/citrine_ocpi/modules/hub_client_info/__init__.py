"""Module hubclientinfo: which parties are behind a hub, and whether it reaches them."""

from citrine_ocpi.modules.hub_client_info.module import HubClientInfoModule

__all__ = ["HubClientInfoModule"]
