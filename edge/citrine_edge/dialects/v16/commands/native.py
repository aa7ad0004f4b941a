"""Commands that are already in the JSON of OCPP 1.6: one CALL, checked by its schema and sent as it is."""

from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine_edge.dialects.dialect import UnsupportedAction
from citrine_edge.dialects.exchanges import CanonicalRequest, OutgoingCall
from citrine_edge.dialects.v16.configuration_keys import AUTHORIZATION_KEY
from citrine_edge.ocppj import CallError, Code, RpcError, Schemas

__all__ = ["NATIVE_ACTIONS", "NativeExchange"]

NATIVE_ACTIONS = frozenset(
    {
        *("CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache"),
        *("ClearChargingProfile", "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage"),
        *("GetCompositeSchedule", "GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds"),
        *("GetLocalListVersion", "GetLog", "InstallCertificate", "RemoteStartTransaction", "RemoteStopTransaction"),
        *("ReserveNow", "Reset", "SendLocalList", "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage"),
        *("UnlockConnector", "UpdateFirmware"),
    }
)
"""Actions that the Central System sends (edition 2, 5, and the security whitepaper)."""


class NativeExchange:
    """A `CommandExchange` of one CALL, whose answer is reported as the station sent it."""

    __slots__ = ("_call", "_is_answered", "_schemas")

    def __init__(self, name: str, payload: Any, schemas: Schemas) -> None:
        """Check the payload.

        Raises:
            UnsupportedAction: When it changes the password of the station, which the CSMS must learn, too.
            RpcError: When it violates the schema.
        """
        if payload is None:
            payload = {}
        if type(payload) is not dict:
            raise RpcError(Code.PROTOCOL_ERROR, "the payload is not a JSON object")
        schemas.request(name).check(payload)
        if name == "ChangeConfiguration" and payload["key"].lower() == AUTHORIZATION_KEY.lower():
            reason = f"{AUTHORIZATION_KEY} is changed by SetStationPassword: else the station could not log in again"
            raise UnsupportedAction(name, reason)
        self._call = OutgoingCall(name, payload)
        self._schemas = schemas
        self._is_answered = False

    def next_call(self) -> OutgoingCall | None:
        """Return the CALL, once: see `CommandExchange`."""
        return None if self._is_answered else self._call

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        """Check the payload of the CALLRESULT: see `CommandExchange`."""
        if payload is None:
            payload = {}
        if type(payload) is not dict:
            raise RpcError(Code.PROTOCOL_ERROR, "the payload is not a JSON object")
        self._schemas.response(self._call.action).check(payload, mended)
        self._is_answered = True

    def read_error(self, error: CallError) -> bool:
        """Fail: see `CommandExchange`."""
        return False

    def response(self) -> Message:
        """Fail, as the answer is not translated."""
        raise AssertionError("the answer to a native command is reported as it is")

    def messages(self, time: Timestamp) -> tuple[CanonicalRequest, ...]:
        """Return nothing: see `CommandExchange`."""
        return ()

    def valid_part(self, payload: Any = None) -> Message | None:
        """Return nothing: see `CommandExchange`."""
        return None
