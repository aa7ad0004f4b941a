"""How a command ended without a valid answer, and what follows from it. The only place that interprets this."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from google.protobuf.message import Message

from citrine.api.v1.common_pb2 import CommandState

__all__ = ["CommandEnd", "Failed"]

RequestT = TypeVar("RequestT", bound=Message)

_UNKNOWN_TO_STATION = frozenset({"NotSupported", "NotImplemented"})
"""Codes of a CALLERROR by which a station says that it does not know, or not support, the action."""


class CommandEnd(enum.Enum):
    """How a command ended, by what the station may have done."""

    UNREACHED = "unreached"
    """Never written: the station was off, or busy with other commands for too long."""
    WITHDRAWN = "withdrawn"
    """Never written: somebody cancelled it."""
    UNSENDABLE = "unsendable"
    """Never written: the station's OCPP version has no such action, or forbids this payload."""
    UNCERTAIN = "uncertain"
    """Written, or maybe so, and not answered: the station may have done it."""
    UNREADABLE = "unreadable"
    """Answered, but the answer breaks the schema: the station may have done it."""
    REFUSED = "refused"
    """Answered with CALLERROR: the station says that it did not do it."""


@dataclass(slots=True)
class Failed(Generic[RequestT]):
    """One command that ended without a valid answer of the station.

    Handlers must use the properties, and never interpret `state` or `code`: a station may answer CALLERROR with any
    code, and Citrine has codes of its own.
    """

    tenant_id: str
    station_id: str
    command_id: str
    request: RequestT
    state: CommandState.ValueType
    """FAILED, TIMED_OUT, EXPIRED, CANCELLED or ANSWER_REFUSED."""
    code: str
    """Error code of OCPP-J that the station answered, or why it was never asked, e.g. "NotConnected". To be shown."""
    text: str
    """What went wrong, for people."""
    time: datetime
    """When it ended, UTC."""
    end: CommandEnd

    @property
    def never_sent(self) -> bool:
        """The station can't know of it: nothing was written to its socket."""
        return self.end in (CommandEnd.UNREACHED, CommandEnd.WITHDRAWN, CommandEnd.UNSENDABLE)

    @property
    def unreached(self) -> bool:
        """Never sent, because the station was off or busy: later it may be sent as it is."""
        return self.end is CommandEnd.UNREACHED

    @property
    def withdrawn(self) -> bool:
        """Never sent, because somebody cancelled it."""
        return self.end is CommandEnd.WITHDRAWN

    @property
    def may_have_arrived(self) -> bool:
        """The station may have done what it was asked for, and nobody knows."""
        return self.end in (CommandEnd.UNCERTAIN, CommandEnd.UNREADABLE)

    @property
    def refused(self) -> bool:
        """The station answered CALLERROR: it says that it did not do it."""
        return self.end is CommandEnd.REFUSED

    @property
    def for_good(self) -> bool:
        """The same command ends the same way whenever it is sent: the station can't do it."""
        return self.end is CommandEnd.UNSENDABLE or (self.refused and self.code in _UNKNOWN_TO_STATION)

    @property
    def problem(self) -> str:
        """Code and text in one line, for people; never empty, and not bounded in length."""
        return f"{self.code}: {self.text}" if self.text else self.code
