"""Commands of OCPI 2.2.1: what partners ask stations to do, what is answered at once, and what the station said."""

from citrine_ocpi.models.types import CiString36, DateTime, DisplayText, Many, OcpiModel, OpenEnum, Url
from citrine_ocpi.models.v2_2_1.tokens import Token

__all__ = [
    "CancelReservation",
    "CommandResponse",
    "CommandResponseType",
    "CommandResult",
    "CommandResultType",
    "CommandType",
    "ReserveNow",
    "ReserveNowBase",
    "StartSession",
    "StartSessionBase",
    "StopSession",
    "UnlockConnector",
]


class CommandResponseType(OpenEnum):
    """What is answered at once."""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class CommandResultType(OpenEnum):
    """What the station said."""

    ACCEPTED = "ACCEPTED"
    CANCELED_RESERVATION = "CANCELED_RESERVATION"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


class CommandType(OpenEnum):
    """What a station is to do."""

    CANCEL_RESERVATION = "CANCEL_RESERVATION"
    RESERVE_NOW = "RESERVE_NOW"
    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"


class CommandResponse(OcpiModel):
    """Whether a command goes to the station, and for how long to wait for what it says."""

    result: CommandResponseType
    timeout: int
    message: Many[DisplayText] = ()


class CommandResult(OcpiModel):
    """What the station said to a command."""

    result: CommandResultType
    message: Many[DisplayText] = ()


class CancelReservation(OcpiModel):
    """Cancels a reservation."""

    response_url: Url
    reservation_id: CiString36


class ReserveNowBase(OcpiModel):
    """What is the same in all versions of a ReserveNow."""

    response_url: Url
    expiry_date: DateTime
    reservation_id: CiString36
    location_id: CiString36
    evse_uid: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class ReserveNow(ReserveNowBase):
    """Reserves an EVSE, or any of a location, for a token."""

    token: Token


class StartSessionBase(OcpiModel):
    """What is the same in all versions of a StartSession."""

    response_url: Url
    location_id: CiString36
    evse_uid: CiString36 | None = None
    connector_id: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class StartSession(StartSessionBase):
    """Begins a session for a token."""

    token: Token


class StopSession(OcpiModel):
    """Ends a session."""

    response_url: Url
    session_id: CiString36


class UnlockConnector(OcpiModel):
    """Unlocks a connector."""

    response_url: Url
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36
