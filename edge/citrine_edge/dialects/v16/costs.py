"""Prices and costs that answers of OCPP 1.6 can't say: sent behind them by DataTransfer.

The vendor and the messages are those of the OCA's whitepaper on California Pricing Requirements, as stations in the
field read them. The whitepaper itself is not a part of the specification.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from google.protobuf.message import Message

from citrine.ocpp.codec import encode, format_datetime
from citrine.ocpp.v2.transactions_pb2 import TransactionEventResponse
from citrine.ocpp.v2.types_pb2 import MESSAGE_FORMAT_ENUM_ASCII, MESSAGE_FORMAT_ENUM_UTF8, MessageContent
from citrine_edge.dialects.exchanges import CallRefused, CanonicalRequest, CommandExchange
from citrine_edge.dialects.v16.commands.native import NativeExchange
from citrine_edge.ocppj import CallError, Code, RpcError, Schemas

__all__ = ["COST_VENDOR_ID", "CostMessage", "cost_messages", "data_of", "details_of"]

COST_VENDOR_ID = "org.openchargealliance.costmsg"

_TRIGGERS = "triggerMeterValue"
"""When the station is to send meter values, as the price may change."""

_TEXTS = (MESSAGE_FORMAT_ENUM_ASCII, MESSAGE_FORMAT_ENUM_UTF8)

_Said = tuple[str, Mapping[str, Any]]


def details_of(custom_data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what custom data of 2.x says of a cost: prices, the next period, triggers of meter values."""
    if not custom_data or custom_data.get("vendorId", "").lower() != COST_VENDOR_ID:
        return {}
    details = {name: value for name, value in custom_data.items() if name != "vendorId"}
    triggers = details.get(_TRIGGERS)
    if isinstance(triggers, dict) and "atChargingState" in triggers:
        # The charging states that begin or end idle time are statuses of the connector, spelled alike.
        rest = {name: value for name, value in triggers.items() if name != "atChargingState"}
        details[_TRIGGERS] = {**rest, "atCPStatus": triggers["atChargingState"]}
    return details


def data_of(content: Mapping[str, Any]) -> str:
    """Return the data of a DataTransfer with this content."""
    return orjson.dumps(content).decode()


class CostMessage(NativeExchange):
    """The exchange of a DataTransfer that nobody waits for."""

    __slots__ = ()

    def __init__(self, message_id: str, content: Mapping[str, Any], schemas: Schemas) -> None:
        payload = {"vendorId": COST_VENDOR_ID, "messageId": message_id, "data": data_of(content)}
        super().__init__("DataTransfer", payload, schemas)

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        """Check the payload of the CALLRESULT: see `CommandExchange`.

        Raises:
            CallRefused: When the station shows no costs.
        """
        super().read_result(payload, mended)
        if payload["status"] in ("UnknownVendorId", "UnknownMessageId"):
            raise CallRefused(CallError("", Code.NOT_SUPPORTED, f"the station answered {payload['status']}", {}))


def cost_messages(
    name: str, requests: Sequence[CanonicalRequest], responses: Sequence[Message], schemas: Schemas
) -> Sequence[CommandExchange]:
    """Return the messages behind the answer to a CALL, by its action."""
    say = _MESSAGES.get(name)
    if say is None or not responses:
        return ()
    return [CostMessage(message_id, content, schemas) for message_id, content in say(requests[0].message, responses)]


def _price(request: Any, responses: Sequence[Any]) -> Sequence[_Said]:
    """Return SetUserPrice where the core has a text for the driver."""
    for response in responses:
        texts = [response.id_token_info.personal_message] if response.HasField("id_token_info") else []
        if isinstance(response, TransactionEventResponse):
            texts.append(response.updated_personal_message)
        text = next((each.content for each in texts if _is_text(each)), "")
        if text and request.id_token.id_token:
            return [("SetUserPrice", {"idToken": request.id_token.id_token, "priceText": text})]
    return ()


def _final_cost(request: Any, responses: Sequence[Any]) -> Sequence[_Said]:
    """Return FinalCost where the core knows what the transaction costs."""
    for response in responses:
        if isinstance(response, TransactionEventResponse) and response.HasField("total_cost"):
            number = int(request.transaction_info.transaction_id)
            details = details_of(encode(response).get("customData"))
            content = {**details, "transactionId": number, "cost": response.total_cost}
            if _is_text(response.updated_personal_message):
                content["priceText"] = response.updated_personal_message.content
            return [("FinalCost", content)]
    return ()


def _running_cost(request: Any, responses: Sequence[Any]) -> Sequence[_Said]:
    """Return RunningCost where the core knows what the transaction costs until now."""
    for response in responses:
        if isinstance(response, TransactionEventResponse) and response.HasField("total_cost"):
            number, time = int(request.transaction_info.transaction_id), format_datetime(request.timestamp)
            details = details_of(encode(response).get("customData"))
            cost = {"timestamp": time, **details, "transactionId": number, "cost": response.total_cost}
            return [("RunningCost", cost)]
    return ()


def _is_text(message: MessageContent) -> bool:
    return bool(message.content) and message.format in _TEXTS


_MESSAGES: Mapping[str, Callable[[Any, Sequence[Any]], Sequence[_Said]]] = {
    "Authorize": _price,
    "MeterValues": _running_cost,
    "StartTransaction": _price,
    "StopTransaction": _final_cost,
}
