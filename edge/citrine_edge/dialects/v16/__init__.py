"""OCPP 1.6 edition 2 with the security whitepaper: its messages translated to canonical messages, and back.

The dialect has two halves, each a package or module of its own: messages from stations
(:mod:`citrine_edge.dialects.v16.station_messages`) and commands to them (:mod:`citrine_edge.dialects.v16.commands`).
"""

from collections.abc import Mapping
from typing import ClassVar

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine_edge.dialects.v16.commands import CsmsCommands
from citrine_edge.dialects.v16.station_messages import StationMessages
from citrine_edge.ocppj import CALL, CALLERROR, CALLRESULT, Code, Schemas

__all__ = ["V16"]


class V16(StationMessages, CsmsCommands):
    """OCPP 1.6."""

    subprotocol: ClassVar[str] = "ocpp1.6"
    version: ClassVar["OcppVersion.ValueType"] = OcppVersion.OCPP_VERSION_16
    message_types: ClassVar[frozenset[int]] = frozenset({CALL, CALLRESULT, CALLERROR})
    # Both misspellings stay, because stations compare them (errata of OCPP-J 1.6, 5.1 and 5.2).
    code_spellings: ClassVar[Mapping[str, str]] = {
        Code.FORMAT_VIOLATION: "FormationViolation",
        Code.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
        Code.RPC_FRAMEWORK_ERROR: "FormationViolation",
    }
    # OCPP-J 1.6, 4.1.3: what is of an unknown type is ignored. No message id stands for one that can't be read.
    answers_unreadable: ClassVar[bool] = False

    def __init__(self) -> None:
        schemas = Schemas("v16")
        StationMessages.__init__(self, schemas)
        CsmsCommands.__init__(self, schemas)
