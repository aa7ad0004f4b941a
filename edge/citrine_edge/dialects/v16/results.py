"""The CALLRESULT of OCPP 1.6 that the responses to the canonical requests of a CALL become, by its action."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp import codec
from citrine.ocpp.id_tags import id_tag_of
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.authorization_pb2 import AuthorizeResponse
from citrine.ocpp.v2.availability_pb2 import HeartbeatResponse
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferResponse, DataTransferStatusEnum
from citrine.ocpp.v2.provisioning_pb2 import BootNotificationResponse, RegistrationStatusEnum
from citrine.ocpp.v2.security_pb2 import SignCertificateResponse
from citrine.ocpp.v2.transactions_pb2 import TransactionEventResponse
from citrine.ocpp.v2.types_pb2 import GenericStatusEnum, IdTokenInfo
from citrine_edge.dialects.v16.tables import TOKEN_STATUSES
from citrine_edge.ocppj import Code, RpcError

__all__ = ["RESULTS", "Write"]

Write = Callable[[Sequence[Message], int | None], dict[str, Any]]
"""From the responses, and the number of the transaction where one was asked for."""


def _of(message_class: type[Any], responses: Sequence[Message]) -> Any:
    """Return the response of a class, of which there is one."""
    return next(each for each in responses if isinstance(each, message_class))


def _authorize(responses: Sequence[Message], _: int | None) -> dict[str, Any]:
    return {"idTagInfo": _id_tag_info(_of(AuthorizeResponse, responses).id_token_info)}


def _boot_notification(responses: Sequence[Message], _: int | None) -> dict[str, Any]:
    response = _of(BootNotificationResponse, responses)
    return {
        "status": spelling_of(RegistrationStatusEnum, response.status),
        "currentTime": _time(response.current_time),
        "interval": response.interval,
    }


def _data_transfer(responses: Sequence[Message], _: int | None) -> dict[str, Any]:
    response = _of(DataTransferResponse, responses)
    payload = {"status": spelling_of(DataTransferStatusEnum, response.status)}
    if response.HasField("data"):
        data = response.data
        is_text = data.WhichOneof("kind") == "string_value"
        # 1.6 has text only: what is none goes as JSON.
        payload["data"] = data.string_value if is_text else orjson.dumps(MessageToDict(data)).decode()
    return payload


def _heartbeat(responses: Sequence[Message], _: int | None) -> dict[str, Any]:
    return {"currentTime": _time(_of(HeartbeatResponse, responses).current_time)}


def _nothing(_: Sequence[Message], __: int | None) -> dict[str, Any]:
    return {}


def _sign_certificate(responses: Sequence[Message], _: int | None) -> dict[str, Any]:
    return {"status": spelling_of(GenericStatusEnum, _of(SignCertificateResponse, responses).status)}


def _start_transaction(responses: Sequence[Message], transaction_number: int | None) -> dict[str, Any]:
    if transaction_number is None:
        raise RpcError(Code.INTERNAL_ERROR, "the core gave the transaction no number")
    response = _of(TransactionEventResponse, responses)
    return {"transactionId": transaction_number, "idTagInfo": _id_tag_info(response.id_token_info)}


def _stop_transaction(responses: Sequence[Message], _: int | None) -> dict[str, Any]:
    response = _of(TransactionEventResponse, responses)
    return {"idTagInfo": _id_tag_info(response.id_token_info)} if response.HasField("id_token_info") else {}


def _id_tag_info(info: IdTokenInfo) -> dict[str, Any]:
    payload = {"status": TOKEN_STATUSES.get(info.status, "Invalid")}
    if info.HasField("cache_expiry_date_time"):
        payload["expiryDate"] = _time(info.cache_expiry_date_time)
    if info.HasField("group_id_token"):
        payload["parentIdTag"] = id_tag_of(info.group_id_token.id_token, info.group_id_token.type)
    return payload


def _time(time: Timestamp) -> str:
    """Return a time with at most three decimals of a second, which all stations read."""
    return codec.format_datetime(Timestamp(seconds=time.seconds, nanos=time.nanos // 1_000_000 * 1_000_000))


RESULTS: Mapping[str, Write] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "DataTransfer": _data_transfer,
    "DiagnosticsStatusNotification": _nothing,
    "FirmwareStatusNotification": _nothing,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _nothing,
    "MeterValues": _nothing,
    "SecurityEventNotification": _nothing,
    "SignCertificate": _sign_certificate,
    "SignedFirmwareStatusNotification": _nothing,
    "StartTransaction": _start_transaction,
    "StatusNotification": _nothing,
    "StopTransaction": _stop_transaction,
}
"""The answer to each action of `REQUESTS`."""
