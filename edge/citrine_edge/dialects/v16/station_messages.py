"""Messages from stations of OCPP 1.6: each CALL becomes canonical requests, and their responses the CALLRESULT."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from citrine.ocpp.actions import Action
from citrine_edge.dialects.exchanges import StationExchange
from citrine_edge.ocppj import Code, RpcError, Rule, Schemas
from citrine_edge.ocppj.errors import clip
from citrine_edge.ocppj.mending import Use

__all__ = ["StationMessages"]


class StationMessages:
    """The half of the dialect that receives."""

    def __init__(self, schemas: Schemas) -> None:
        self._station_schemas = schemas

    def read_call(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> StationExchange:
        """Return the exchange of a CALL of a station: see `Dialect`."""
        raise RpcError(Code.NOT_IMPLEMENTED, f"{clip(name, 60)} is not an action of ocpp1.6")

    def read_tolerantly(
        self, name: str, payload: Any, rules: Sequence[Rule]
    ) -> tuple[StationExchange, list[Use]] | None:
        """Return the exchange of a CALL that violates the schema in ways that rules allow: see `Dialect`."""
        return None

    def read_send(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> tuple[Action, Message]:
        """Refuse a SEND, which OCPP 1.6 does not have: see `Dialect`."""
        raise RpcError(Code.NOT_SUPPORTED, "ocpp1.6 has no SEND")

    def hardware_of(self, boot: Any) -> tuple[str, str]:
        """Return vendor and model from the payload of a BootNotification: see `Dialect`."""
        if type(boot) is not dict:
            return "", ""
        vendor_name, model = boot.get("chargePointVendor"), boot.get("chargePointModel")
        return vendor_name if type(vendor_name) is str else "", model if type(model) is str else ""
