"""Plug & Charge on OCPP 1.6: messages of 2.0.1 as JSON in the data of a DataTransfer, in both directions.

The vendor and the messages are those of the OCA's application note on ISO 15118 Plug & Charge with OCPP 1.6, as
stations in the field send them. The note itself is not a part of the specification.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import orjson
from google.protobuf.message import Message

from citrine_edge.dialects.exchanges import CallRefused, CanonicalRequest, CommandExchange, StationExchange
from citrine_edge.dialects.v16.commands.dialogue import Json, Outcome, Step
from citrine_edge.dialects.v201 import V201
from citrine_edge.ocppj import CallError, Code, RpcError

__all__ = ["STATION_MESSAGES", "VENDOR_ID", "ask_over_data_transfer", "read_data_transfer"]

VENDOR_ID = "org.openchargealliance.iso15118pnc"

STATION_MESSAGES = frozenset({"Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate"})
"""Messages of 2.0.1 that stations send within a DataTransfer."""

_V201 = V201()


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
    response = _parsed(answer.get("data", ""))
    if type(response) is dict and "status" in response:
        return Outcome(response)
    if status == "Rejected":
        raise CallRefused(CallError("", Code.GENERIC_ERROR, f"the station rejected {action}", {}))
    raise RpcError(Code.FORMAT_VIOLATION, f"/data is no response to {action} in JSON", path="/data")


def read_data_transfer(payload: Mapping[str, Any], mended: list[RpcError] | None = None) -> StationExchange | None:
    """Return the exchange of the message within a DataTransfer of a station, or None if it is of another vendor.

    Raises:
        RpcError: When the message violates the schema of 2.0.1; its path is that within the data.
    """
    if payload["vendorId"].lower() != VENDOR_ID or payload.get("messageId") not in STATION_MESSAGES:
        return None
    action = payload["messageId"]
    message = _parsed(payload.get("data", ""))
    if type(message) is not dict:
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"/data is no {action} in JSON", path="/data")
    try:
        return _Transferred(_V201.read_call(action, message, mended))
    except RpcError as error:
        raise RpcError(error.code, f"/data: {error.description}", path=f"/data{error.path}") from None


class _Transferred:
    """A DataTransfer that is the exchange of the message in it."""

    __slots__ = ("_inner", "requests")

    def __init__(self, inner: StationExchange) -> None:
        self._inner = inner
        self.requests: Sequence[CanonicalRequest] = inner.requests

    def write_result(
        self, responses: Sequence[Message], transaction_number: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        response, left_out = self._inner.write_result(responses)
        return {"status": "Accepted", "data": orjson.dumps(response).decode()}, left_out

    def follow_ups(self, responses: Sequence[Message]) -> Sequence[CommandExchange]:
        return ()


def _parsed(data: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
