"""What a hub says of its other parties, in OCPI 2.3.0."""

from citrine_ocpi.models.v2_2_1.hub_client_info import ClientInfoBase, ConnectionStatus
from citrine_ocpi.models.v2_3_0.types import Role

__all__ = ["ClientInfo", "ConnectionStatus"]


class ClientInfo(ClientInfoBase):
    """A party behind a hub, and whether it can be reached."""

    role: Role
