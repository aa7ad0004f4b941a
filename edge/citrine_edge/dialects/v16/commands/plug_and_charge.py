"""Plug & Charge on OCPP 1.6: messages of 2.0.1 as text in a DataTransfer (OCA, Using ISO 15118 Plug & Charge)."""

from collections.abc import Generator

import orjson

from citrine_edge.dialects.exchanges import CallRefused
from citrine_edge.dialects.v16.commands.dialogue import Json, Outcome, Step
from citrine_edge.ocppj import CallError, Code, RpcError

__all__ = ["VENDOR_ID", "ask_over_data_transfer"]

VENDOR_ID = "org.openchargealliance.iso15118pnc"


def ask_over_data_transfer(action: str, request: Json, partial: Json | None = None) -> Generator[Step, Json, Outcome]:
    """Send a request of 2.0.1 within a DataTransfer, and return the response that its answer holds.

    Raises:
        CallRefused: When the station does not know the vendor or the message, or refuses it without saying more.
        RpcError: When the answer holds no response.
    """
    payload = {"vendorId": VENDOR_ID, "messageId": action, "data": orjson.dumps(request).decode()}
    answer = yield Step("DataTransfer", payload, partial)
    status = answer["status"]
    if status in ("UnknownVendorId", "UnknownMessageId"):
        raise CallRefused(CallError("", Code.NOT_SUPPORTED, f"the station answered {status} to {action}", {}))
    try:
        response = orjson.loads(answer.get("data", ""))
    except orjson.JSONDecodeError:
        response = None
    if type(response) is dict and "status" in response:
        return Outcome(response)
    if status == "Rejected":
        raise CallRefused(CallError("", Code.GENERIC_ERROR, f"the station rejected {action}", {}))
    raise RpcError(Code.FORMAT_VIOLATION, f"/data is no response to {action} in JSON", path="/data")
