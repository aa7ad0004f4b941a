"""Messages from stations of OCPP 1.6: each CALL becomes canonical requests, and their responses the CALLRESULT."""

import copy
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.actions import Action
from citrine_edge.dialects.dialect import Hardware
from citrine_edge.dialects.exchanges import CanonicalRequest, CommandExchange, StationExchange
from citrine_edge.dialects.v16.costs import cost_messages
from citrine_edge.dialects.v16.plug_and_charge import read_data_transfer
from citrine_edge.dialects.v16.requests import REQUESTS, Reading, Translate
from citrine_edge.dialects.v16.results import RESULTS
from citrine_edge.ocppj import Code, RpcError, Rule, Schema, Schemas, Use
from citrine_edge.ocppj.errors import clip
from citrine_edge.ocppj.schemas import Path, remove
from citrine_edge.ocppj.tolerating import tolerated

__all__ = ["StationMessages"]

_FROM_CSMS = frozenset(
    {
        *("CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache"),
        *("ClearChargingProfile", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule"),
        *("GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog"),
        *("InstallCertificate", "RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "Reset"),
        *("SendLocalList", "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage", "UnlockConnector"),
        "UpdateFirmware",
    }
)
"""Actions of OCPP 1.6 that only the CSMS sends."""

_STOP = "StopTransaction"
_DATA = "transactionData"


class StationMessages:
    """The half of the dialect that receives."""

    def __init__(self, schemas: Schemas) -> None:
        self._station_schemas = schemas

    def read_call(
        self,
        name: str,
        payload: Any,
        mended: list[RpcError] | None = None,
        receive_time: Timestamp | None = None,
    ) -> StationExchange:
        """Return the exchange of a CALL of a station: see `Dialect`."""
        translate = REQUESTS.get(name)
        if translate is None:
            raise _refuse_action(name)
        if payload is None:
            payload = {}
        if type(payload) is not dict:
            raise RpcError(Code.PROTOCOL_ERROR, "the payload is not a JSON object")
        notes: list[RpcError] = [] if mended is None else mended
        schema = self._station_schemas.request(name)
        if name == _STOP and not schema.is_valid(payload):
            payload = _without_bad_data(schema, payload, notes)
        payload = schema.check(payload, notes)
        transferred = read_data_transfer(payload, notes) if name == "DataTransfer" else None
        return transferred or self._exchange(name, translate, payload, Reading(receive_time, notes))

    def read_tolerantly(
        self, name: str, payload: Any, rules: Sequence[Rule], receive_time: Timestamp | None = None
    ) -> tuple[StationExchange, list[Use]] | None:
        """Return the exchange of a CALL that violates the schema in ways that rules allow: see `Dialect`."""
        translate = REQUESTS.get(name)
        if translate is None or type(payload) is not dict:
            return None
        schema = self._station_schemas.request(name)

        def read(valid: dict[str, Any]) -> StationExchange:
            return self._exchange(name, translate, valid, Reading(receive_time, []))

        return tolerated(schema, name, schema.mend(payload)[0], rules, read)

    def read_send(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> tuple[Action, Message]:
        """Refuse a SEND, which OCPP 1.6 does not have: see `Dialect`."""
        raise RpcError(Code.NOT_SUPPORTED, "ocpp1.6 has no SEND")

    def hardware_of(self, boot: Any) -> Hardware:
        """Return the hardware in the payload of a BootNotification: see `Dialect`."""
        if type(boot) is not dict:
            return Hardware()
        names = ("chargePointVendor", "chargePointModel", "firmwareVersion")
        return Hardware.of(*(boot.get(name) for name in names))

    def _exchange(self, name: str, translate: Translate, payload: dict[str, Any], reading: Reading) -> StationExchange:
        return _StationExchange(name, translate(payload, reading), self._station_schemas)


class _StationExchange:
    """A CALL of OCPP 1.6: one canonical request, or two."""

    __slots__ = ("_name", "_schemas", "requests")

    def __init__(self, name: str, requests: Sequence[CanonicalRequest], schemas: Schemas) -> None:
        self._name = name
        self._schemas = schemas
        self.requests = requests

    def write_result(
        self, responses: Sequence[Message], transaction_number: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        payload = RESULTS[self._name](responses, transaction_number)
        return self._schemas.response(self._name).check(payload), []

    def follow_ups(self, responses: Sequence[Message]) -> Sequence[CommandExchange]:
        return cost_messages(self._name, self.requests, responses, self._schemas)


def _refuse_action(name: str) -> RpcError:
    if name in _FROM_CSMS:
        return RpcError(Code.NOT_SUPPORTED, f"{name} is not supported from a station")
    return RpcError(Code.NOT_IMPLEMENTED, f"{clip(name, 60)} is not an action of ocpp1.6")


def _without_bad_data(schema: Schema, payload: dict[str, Any], left_out: list[RpcError]) -> dict[str, Any]:
    """Return a StopTransaction without the meter values and samples that violate the schema.

    The end of a transaction must be answered whatever its data is (OCPP 1.6, 4.10), and meterStop is what is billed.
    """
    payload, _ = schema.mend(payload)
    violations = [each for each in schema.violations(payload) if each.path[:1] == (_DATA,)]
    if not violations:
        return payload
    rest = copy.deepcopy(payload)
    # The last one first, so that the places before it stay where they are.
    for place in sorted({_place(each.path) for each in violations}, reverse=True):
        remove(rest, place)
    left_out += [each.error() for each in violations]
    return rest


def _place(path: Path) -> Path:
    """Return the path of the sample that a path leads into, else of the meter value, else of all of the data."""
    if len(path) > 3 and path[2] == "sampledValue":
        return path[:4]
    return path[:2]
