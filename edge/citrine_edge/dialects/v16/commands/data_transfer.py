"""What OCPP 1.6 says by DataTransfer: data of vendors, and costs (OCA, OCPP & California Pricing Requirements)."""

from typing import Any

import orjson

from citrine_edge.dialects.exchanges import CallRefused
from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Json, Outcome, Step
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.costs import COST_VENDOR_ID, data_of, details_of
from citrine_edge.ocppj import CallError, Code

__all__ = ["cost_updated", "data_transfer"]


def data_transfer(said: Fields) -> Dialogue:
    """Translate DataTransfer. Data of OCPP 1.6 is text: what is none is sent as its JSON."""
    payload = said.copy({"vendorId": "vendorId", "messageId": "messageId"})
    data = said.pop("data")
    if data is not None:
        payload["data"] = _text(data)
    said.end()
    answer = yield Step("DataTransfer", payload)
    response: Json = {"status": answer["status"]}
    if "data" in answer:
        response["data"] = answer["data"]
    return Outcome(response)


def cost_updated(said: Fields) -> Dialogue:
    """Translate CostUpdated: RunningCost, with what CostUpdated and custom data of the cost vendor say.

    Raises:
        CallRefused: When the station does not accept it: CostUpdatedResponse has no status.
    """
    details = details_of(said.get("customData"))
    if details:
        said.ignore("customData")
    cost = {**details, "transactionId": said.pop_number("transactionId"), "cost": said.pop("totalCost")}
    said.end()
    payload = {"vendorId": COST_VENDOR_ID, "messageId": "RunningCost", "data": data_of(cost)}
    answer = yield Step("DataTransfer", payload)
    if answer["status"] != "Accepted":
        problem = f"the station answered {answer['status']} to RunningCost"
        raise CallRefused(CallError("", Code.NOT_SUPPORTED, problem, {}))
    return Outcome({})


def _text(data: Any) -> str:
    return data if isinstance(data, str) else orjson.dumps(data).decode()
