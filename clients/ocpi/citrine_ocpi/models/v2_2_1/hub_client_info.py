"""What a hub says of its other parties, in OCPI 2.2.1."""

from citrine_ocpi.models.types import CiString2, CiString3, DateTime, OcpiModel, OpenEnum
from citrine_ocpi.models.v2_2_1.types import Role

__all__ = ["ClientInfo", "ClientInfoBase", "ConnectionStatus"]


class ConnectionStatus(OpenEnum):
    """Whether a party can be reached."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"


class ClientInfoBase(OcpiModel):
    """What is the same in all versions of a ClientInfo."""

    party_id: CiString3
    country_code: CiString2
    status: ConnectionStatus
    last_updated: DateTime


class ClientInfo(ClientInfoBase):
    """A party behind a hub, and whether it can be reached."""

    role: Role
