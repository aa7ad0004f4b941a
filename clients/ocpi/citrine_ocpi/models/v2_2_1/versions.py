"""Versions of OCPI that a party speaks, and the endpoints of one of them. The same in 2.2.1 and 2.3.0."""

from citrine_ocpi.models.types import OcpiModel, OpenEnum, Some, Url

__all__ = ["Endpoint", "InterfaceRole", "ModuleID", "Version", "VersionDetails", "VersionNumber"]


class VersionNumber(OpenEnum):
    """A version of OCPI. A party names all that it speaks, whichever is in use."""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"
    V2_2 = "2.2"
    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"


class InterfaceRole(OpenEnum):
    """The side of a module that an endpoint serves: of who owns the objects, or of who gets them."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class ModuleID(OpenEnum):
    """A module."""

    CDRS = "cdrs"
    CHARGING_PROFILES = "chargingprofiles"
    COMMANDS = "commands"
    CREDENTIALS = "credentials"
    HUB_CLIENT_INFO = "hubclientinfo"
    LOCATIONS = "locations"
    SESSIONS = "sessions"
    TARIFFS = "tariffs"
    TOKENS = "tokens"


class Version(OcpiModel):
    """A version that a party speaks, and where its details are."""

    version: VersionNumber
    url: Url


class Endpoint(OcpiModel):
    """Where one side of a module is served."""

    identifier: ModuleID
    role: InterfaceRole
    url: Url


class VersionDetails(OcpiModel):
    """All endpoints of one version."""

    version: VersionNumber
    endpoints: Some[Endpoint]
