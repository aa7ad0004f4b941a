"""The calls of the core that commands become, and what their outcome means to a partner."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import remote_control_pb2 as remote_control
from citrine.api.v1 import reservation_pb2 as reservation
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import remote_control_pb2 as ocpp_remote_control
from citrine.ocpp.v2 import reservation_pb2 as ocpp_reservation
from citrine.ocpp.v2.remote_control_pb2 import RequestStartStopStatusEnum, UnlockStatusEnum
from citrine.ocpp.v2.reservation_pb2 import CancelReservationStatusEnum, ReserveNowStatusEnum
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.models import OcpiModel, v2_2_1
from citrine_ocpi.models.v2_2_1 import CommandResultType as Result
from citrine_ocpi.modules.commands.executor import STATION_TIMEOUT
from citrine_ocpi.modules.commands.tables import Target
from citrine_sdk import Citrine, idempotency_key

__all__ = ["CommandCalls"]

_STARTS: Mapping[int, Result] = {RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED: Result.ACCEPTED}
_UNLOCKS: Mapping[int, Result] = {
    UnlockStatusEnum.UNLOCK_STATUS_ENUM_UNLOCKED: Result.ACCEPTED,
    UnlockStatusEnum.UNLOCK_STATUS_ENUM_UNLOCK_FAILED: Result.FAILED,
}
_RESERVES: Mapping[int, Result] = {
    ReserveNowStatusEnum.RESERVE_NOW_STATUS_ENUM_ACCEPTED: Result.ACCEPTED,
    ReserveNowStatusEnum.RESERVE_NOW_STATUS_ENUM_FAULTED: Result.EVSE_INOPERATIVE,
    ReserveNowStatusEnum.RESERVE_NOW_STATUS_ENUM_OCCUPIED: Result.EVSE_OCCUPIED,
    ReserveNowStatusEnum.RESERVE_NOW_STATUS_ENUM_UNAVAILABLE: Result.EVSE_INOPERATIVE,
}
_CANCELS: Mapping[int, Result] = {
    CancelReservationStatusEnum.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED: Result.ACCEPTED,
    CancelReservationStatusEnum.CANCEL_RESERVATION_STATUS_ENUM_REJECTED: Result.UNKNOWN_RESERVATION,
}

_ERRORS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: Result.TIMEOUT,
    grpc.StatusCode.UNIMPLEMENTED: Result.NOT_SUPPORTED,
    grpc.StatusCode.FAILED_PRECONDITION: Result.REJECTED,
    grpc.StatusCode.INVALID_ARGUMENT: Result.REJECTED,
}


_Options = dict[str, Any]


class CommandCalls:
    """What the commands of OCPI have stations do."""

    module = "commands"

    @property
    def commands(self) -> Collection[str]:
        """CommandType of OCPI."""
        return _CALLS.keys()

    async def call(self, citrine: Citrine, command: str, target: Target, key: str) -> OcpiModel:
        """Have a station do something, and return what it says."""
        whom = CommandTarget(
            station_id=target["station_id"],
            timeout=Duration(seconds=STATION_TIMEOUT),
            reason="a partner's command (OCPI)",
        )
        options: _Options = {"metadata": idempotency_key(key), "timeout": STATION_TIMEOUT + 15}
        return _result(await _CALLS[command](citrine, whom, target, options))

    def failed(self, command: str, code: grpc.StatusCode, text: str) -> OcpiModel:
        """Return what it means to a partner that a station did not answer."""
        return _result(_ERRORS.get(code, Result.FAILED), text)


def _result(result: Result, text: str = "") -> OcpiModel:
    message = [{"language": "en", "text": text[:512]}] if text else []
    return v2_2_1.CommandResult.model_validate({"result": result, "message": message})


async def _start(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> Result:
    start = ocpp_remote_control.RequestStartTransactionRequest(id_token=_token(target))
    if target["evse_id"]:
        start.evse_id = target["evse_id"]
    answer = await citrine.remote_control.RequestStartTransaction(
        remote_control.RequestStartTransactionRequest(target=whom, request=start, reference=target["reference"]),
        **options,
    )
    return _STARTS.get(int(answer.response.status), Result.REJECTED)


async def _stop(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> Result:
    stop = ocpp_remote_control.RequestStopTransactionRequest(transaction_id=target["transaction_id"])
    answer = await citrine.remote_control.RequestStopTransaction(
        remote_control.RequestStopTransactionRequest(target=whom, request=stop), **options
    )
    return _STARTS.get(int(answer.response.status), Result.REJECTED)


async def _unlock(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> Result:
    unlock = ocpp_remote_control.UnlockConnectorRequest(evse_id=target["evse_id"], connector_id=target["connector_id"])
    answer = await citrine.remote_control.UnlockConnector(
        remote_control.UnlockConnectorRequest(target=whom, request=unlock), **options
    )
    return _UNLOCKS.get(int(answer.response.status), Result.REJECTED)


async def _reserve(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> Result:
    reserve = ocpp_reservation.ReserveNowRequest(
        id=target["reservation_id"], id_token=_token(target), evse_id=target["evse_id"]
    )
    reserve.expiry_date_time.CopyFrom(_timestamp(target["expiry"]))
    answer = await citrine.reservation.ReserveNow(
        reservation.ReserveNowRequest(target=whom, request=reserve), **options
    )
    return _RESERVES.get(int(answer.response.status), Result.REJECTED)


async def _cancel(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> Result:
    cancel = ocpp_reservation.CancelReservationRequest(reservation_id=target["reservation_id"])
    answer = await citrine.reservation.CancelReservation(
        reservation.CancelReservationRequest(target=whom, request=cancel), **options
    )
    return _CANCELS.get(int(answer.response.status), Result.REJECTED)


_CALLS: Mapping[str, Callable[[Citrine, CommandTarget, Target, _Options], Awaitable[Result]]] = {
    "START_SESSION": _start,
    "STOP_SESSION": _stop,
    "UNLOCK_CONNECTOR": _unlock,
    "RESERVE_NOW": _reserve,
    "CANCEL_RESERVATION": _cancel,
}


def _token(target: Target) -> IdToken:
    return IdToken(id_token=target["id_token"], type=target["id_token_type"])


def _timestamp(text: str) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.fromisoformat(text).astimezone(UTC))
    return found
