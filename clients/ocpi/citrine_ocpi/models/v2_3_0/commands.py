"""Commands of OCPI 2.3.0: as in 2.2.1, with the tokens of 2.3.0."""

from citrine_ocpi.models.v2_2_1.commands import (
    CancelReservation,
    CommandResponse,
    CommandResponseType,
    CommandResult,
    CommandResultType,
    CommandType,
    ReserveNowBase,
    StartSessionBase,
    StopSession,
    UnlockConnector,
)
from citrine_ocpi.models.v2_3_0.tokens import Token

__all__ = [
    "CancelReservation",
    "CommandResponse",
    "CommandResponseType",
    "CommandResult",
    "CommandResultType",
    "CommandType",
    "ReserveNow",
    "StartSession",
    "StopSession",
    "UnlockConnector",
]


class ReserveNow(ReserveNowBase):
    """Reserves an EVSE, or any of a location, for a token."""

    token: Token


class StartSession(StartSessionBase):
    """Begins a session for a token."""

    token: Token
