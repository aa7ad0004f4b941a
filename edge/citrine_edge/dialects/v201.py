"""OCPP 2.0.1: a subset of the canonical messages. Its schemas refuse, by name, the properties that it lacks."""

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine.ocpp.actions import ACTIONS
from citrine_edge.dialects.mechanical import Mechanical
from citrine_edge.ocppj import CALL, CALLERROR, CALLRESULT, Schemas

__all__ = ["V201"]


class V201(Mechanical):
    """OCPP 2.0.1."""

    subprotocol = "ocpp2.0.1"
    version = OcppVersion.OCPP_VERSION_201
    message_types = frozenset({CALL, CALLRESULT, CALLERROR})

    def __init__(self) -> None:
        super().__init__({name: action for name, action in ACTIONS.items() if action.in_v201}, Schemas("v201"))
