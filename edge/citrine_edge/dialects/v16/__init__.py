"""OCPP 1.6 edition 2 with the security whitepaper: its messages translated to canonical messages, and back.

The dialect has two halves, each a package or module of its own: messages from stations
(:mod:`citrine_edge.dialects.v16.station_messages`) and commands to them (:mod:`citrine_edge.dialects.v16.commands`).
"""

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine_edge.dialects.v16.commands import CsmsCommands
from citrine_edge.dialects.v16.station_messages import StationMessages
from citrine_edge.ocppj import CALL, CALLERROR, CALLRESULT, Schemas

__all__ = ["V16"]


class V16(StationMessages, CsmsCommands):
    """OCPP 1.6."""

    subprotocol = "ocpp1.6"
    version = OcppVersion.OCPP_VERSION_16
    message_types = frozenset({CALL, CALLRESULT, CALLERROR})

    def __init__(self) -> None:
        schemas = Schemas("v16")
        StationMessages.__init__(self, schemas)
        CsmsCommands.__init__(self, schemas)
