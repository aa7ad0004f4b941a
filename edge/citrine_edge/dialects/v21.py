"""OCPP 2.1: the canonical messages as they are."""

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine.ocpp.actions import ACTIONS
from citrine_edge.dialects.mechanical import Mechanical
from citrine_edge.ocppj import CALL, CALLERROR, CALLRESULT, CALLRESULTERROR, SEND, Schemas

__all__ = ["V21"]


class V21(Mechanical):
    """OCPP 2.1, with SEND and CALLRESULTERROR."""

    subprotocol = "ocpp2.1"
    version = OcppVersion.OCPP_VERSION_21
    message_types = frozenset({CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND})

    def __init__(self) -> None:
        super().__init__(ACTIONS, Schemas("v21"))
