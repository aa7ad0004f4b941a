"""A version of OCPP made up for tests: 2.0.1, save that some things are said in other portions.

| action | is |
|---|---|
| Readings, from stations | a DataTransfer for each of its values |
| Begin, from stations | a TransactionEvent that wants a number, and a DataTransfer |
| SetOne, to stations | one variable of SetVariables |
| GetLog, GetFile, to stations | GetLog; the second where a station does not implement the first |
| GetAll, to stations | GetBaseReport, and a NotifyReport for each name in its answer |
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1.link_pb2 import Supplement
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.v2 import (
    data_transfer_pb2,
    diagnostics_pb2,
    local_auth_list_pb2,
    provisioning_pb2,
    transactions_pb2,
)
from citrine.ocpp.v2.types_pb2 import GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED
from citrine_edge.dialects import V201, CallRefused, CanonicalRequest, CommandExchange, OutgoingCall, StationExchange
from citrine_edge.ocppj import CallError, Code, RpcError

__all__ = ["Portions"]

_STATUSES = {
    "Accepted": provisioning_pb2.SET_VARIABLE_STATUS_ENUM_ACCEPTED,
    "Rejected": provisioning_pb2.SET_VARIABLE_STATUS_ENUM_REJECTED,
    "Unknown": provisioning_pb2.SET_VARIABLE_STATUS_ENUM_UNKNOWN_VARIABLE,
}


class Portions(V201):
    """The version."""

    def read_call(
        self,
        name: str,
        payload: Any,
        mended: list[RpcError] | None = None,
        receive_time: Timestamp | None = None,
    ) -> StationExchange:
        match name:
            case "Readings":
                return _Readings(payload)
            case "Begin":
                return _Begin()
        return super().read_call(name, payload, mended, receive_time)

    def command(self, request: Message) -> CommandExchange:
        match request:
            case provisioning_pb2.SetVariablesRequest():
                return _SetVariables(request)
            case diagnostics_pb2.GetLogRequest():
                return _GetLog(self.write_command(request)[1])
            case provisioning_pb2.GetBaseReportRequest():
                return _GetAll(request.request_id)
            case local_auth_list_pb2.GetLocalListVersionRequest():
                return _GetLocalListVersion()
        return super().command(request)


class _Readings:
    def __init__(self, payload: Any) -> None:
        if not isinstance(payload.get("values"), list):
            raise RpcError(Code.OCCURRENCE_CONSTRAINT_VIOLATION, "/values is required", path="/values")
        self._payload = payload

    @property
    def requests(self) -> Sequence[CanonicalRequest]:
        vendor_id = self._payload["vendorId"]
        return [
            CanonicalRequest(ACTIONS["DataTransfer"], _reading(vendor_id, value)) for value in self._payload["values"]
        ]

    def write_result(
        self, responses: Sequence[Message], transaction_number: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        statuses = [each.status for each in responses if isinstance(each, data_transfer_pb2.DataTransferResponse)]
        accepted = statuses.count(data_transfer_pb2.DATA_TRANSFER_STATUS_ENUM_ACCEPTED)
        return {"accepted": accepted, "of": self._payload["values"]}, []

    def follow_ups(self, responses: Sequence[Message]) -> Sequence[CommandExchange]:
        return ()


class _Begin:
    requests = (
        CanonicalRequest(
            ACTIONS["TransactionEvent"],
            transactions_pb2.TransactionEventRequest(
                event_type=transactions_pb2.TRANSACTION_EVENT_ENUM_STARTED, timestamp=Timestamp(seconds=1)
            ),
            Supplement(unnumbered=True, wants_transaction_number=True),
        ),
        CanonicalRequest(ACTIONS["DataTransfer"], data_transfer_pb2.DataTransferRequest(vendor_id="com.example")),
    )

    def write_result(
        self, responses: Sequence[Message], transaction_number: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        return {"transactionId": transaction_number}, []

    def follow_ups(self, responses: Sequence[Message]) -> Sequence[CommandExchange]:
        return ()


def _reading(vendor_id: str, value: float | str) -> data_transfer_pb2.DataTransferRequest:
    data = Value(string_value=value) if isinstance(value, str) else Value(number_value=value)
    return data_transfer_pb2.DataTransferRequest(vendor_id=vendor_id, message_id="reading", data=data)


class _OneMessage:
    """A command whose answer is its response, and no more."""

    def messages(self, time: Timestamp) -> Sequence[CanonicalRequest]:
        return ()


class _SetVariables(_OneMessage):
    def __init__(self, request: provisioning_pb2.SetVariablesRequest) -> None:
        self._request = request
        self._response = provisioning_pb2.SetVariablesResponse()

    def next_call(self) -> OutgoingCall | None:
        position = len(self._response.set_variable_result)
        if position == len(self._request.set_variable_data):
            return None
        data = self._request.set_variable_data[position]
        if not data.attribute_value and position:
            raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, "/value is shorter than 1 character", path="/value")
        return OutgoingCall("SetOne", {"variable": data.variable.name, "value": data.attribute_value})

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        if payload.get("status") not in _STATUSES:
            raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, "/status is not one of the allowed values")
        self._add(payload["status"])

    def read_error(self, error: CallError) -> bool:
        # What a station does not know of one variable says nothing of the others.
        if error.code != Code.NOT_SUPPORTED:
            return False
        self._add("Unknown")
        return True

    def response(self) -> Message:
        return self._response

    def valid_part(self, payload: Any = None) -> Message | None:
        return self._response if self._response.set_variable_result else None

    def _add(self, status: str) -> None:
        data = self._request.set_variable_data[len(self._response.set_variable_result)]
        self._response.set_variable_result.add(
            attribute_status=_STATUSES[status], component=data.component, variable=data.variable
        )


class _GetLog(_OneMessage):
    def __init__(self, payload: dict[str, Any]) -> None:
        self._next: OutgoingCall | None = OutgoingCall("GetLog", payload)
        self._response = diagnostics_pb2.GetLogResponse(status=diagnostics_pb2.LOG_STATUS_ENUM_ACCEPTED)

    def next_call(self) -> OutgoingCall | None:
        return self._next

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        self._next = None
        self._response.filename = payload["filename"]

    def read_error(self, error: CallError) -> bool:
        assert self._next is not None
        if error.code != Code.NOT_IMPLEMENTED or self._next.action == "GetFile":
            return False
        self._next = OutgoingCall("GetFile", {"location": self._next.payload["log"]["remoteLocation"]})
        return True

    def response(self) -> Message:
        return self._response

    def valid_part(self, payload: Any = None) -> Message | None:
        return None


class _GetAll:
    def __init__(self, request_id: int) -> None:
        self._request_id = request_id
        self._names: list[str] | None = None

    def next_call(self) -> OutgoingCall | None:
        return OutgoingCall("GetAll", {}) if self._names is None else None

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        if payload.get("refused"):
            raise CallRefused(CallError("", "NotSupported", payload["refused"], {}))
        self._names = payload["names"]

    def read_error(self, error: CallError) -> bool:
        return False

    def response(self) -> Message:
        return provisioning_pb2.GetBaseReportResponse(status=GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED)

    def messages(self, time: Timestamp) -> Sequence[CanonicalRequest]:
        reports = []
        for number, name in enumerate(self._names or ()):
            report = provisioning_pb2.NotifyReportRequest(request_id=self._request_id, seq_no=number, generated_at=time)
            report.report_data.add().variable.name = name
            reports.append(CanonicalRequest(ACTIONS["NotifyReport"], report))
        return reports

    def valid_part(self, payload: Any = None) -> Message | None:
        return None


class _GetLocalListVersion(_GetAll):
    def __init__(self) -> None:
        super().__init__(0)

    def next_call(self) -> OutgoingCall | None:
        return None

    def response(self) -> Message:
        return local_auth_list_pb2.GetLocalListVersionResponse(version_number=7)
