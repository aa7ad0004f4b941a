"""Splits requests that exceed a station's limits for one message into several messages, each of them a command.

The limits are in the station's device model: ItemsPerMessage and BytesPerMessage of DeviceDataCtrlr or
MonitoringCtrlr, by action. If they are not known and a request has many items, the station is asked for them first.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import orjson
from google.protobuf.message import Message

from citrine.api.v1.common_pb2 import Command, CommandTarget
from citrine.ocpp.actions import action_of
from citrine.ocpp.codec import CodecError, encode
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.diagnostics_pb2 import ClearVariableMonitoringRequest, SetVariableMonitoringRequest
from citrine.ocpp.v2.types_pb2 import (
    GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED,
    GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET,
    Component,
    Variable,
)
from citrine_core.blocks.provisioning.repository import VariableRepository
from citrine_core.errors import CoreError, InvalidArgument
from citrine_core.resources.commands.planned_ids import asking_first
from citrine_core.rpc import Caller
from citrine_core.services import Services

__all__ = ["Limits", "PieceSender", "merged", "outcome", "split"]

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

FEW = 4
"""Items that every station accepts in one message. For more, unknown limits are requested first."""

MESSAGE_ID = 36
"""Characters of our message ids, which are a part of the frame."""


@dataclass(frozen=True, slots=True)
class _Splitting:
    """How to split the messages of an action."""

    field: str
    """Repeated field whose items can be sent in several messages."""
    controller: str
    """Component whose variables are the limits."""
    instance: str
    """Instance of these variables."""


_DEVICE_DATA = "DeviceDataCtrlr"
_MONITORING = "MonitoringCtrlr"

_SPLITTINGS: Mapping[type[Message], _Splitting] = {
    ocpp.GetVariablesRequest: _Splitting("get_variable_data", _DEVICE_DATA, "GetVariables"),
    ocpp.SetVariablesRequest: _Splitting("set_variable_data", _DEVICE_DATA, "SetVariables"),
    ocpp.GetReportRequest: _Splitting("component_variable", _DEVICE_DATA, "GetReport"),
    # N04.FR.09, N06.FR.04
    SetVariableMonitoringRequest: _Splitting("set_monitoring_data", _MONITORING, "SetVariableMonitoring"),
    ClearVariableMonitoringRequest: _Splitting("id", _MONITORING, "ClearVariableMonitoring"),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a station for one message of an action. None: not known."""

    items: int | None = None
    size: int | None = None
    """Most bytes of the whole frame."""


class PieceSender:
    """Sends requests of many items in as many messages as the station needs."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def send(
        self,
        who: Caller,
        target: CommandTarget,
        message: M,
        *,
        context: "grpc.aio.ServicerContext[Any, Any] | None" = None,
    ) -> list[tuple[Command, Any]]:
        """Send a message in pieces, one after the other, and return each command with its answer.

        An answer is None if the command waits for an offline station. If a piece fails, later pieces are not sent; the
        answers to earlier pieces are stored.

        Raises:
            CoreError: As CommandTarget in the contract says.
        """
        pieces = await self.pieces(who, target, message)
        return [await self._services.commands.send(who, target, piece, context=context) for piece in pieces]

    async def pieces(self, who: Caller, target: CommandTarget, message: M) -> list[M]:
        """Split a message into messages within the limits of its station.

        Raises:
            InvalidArgument: When the message can't be encoded.
        """
        splitting = _SPLITTINGS[type(message)]
        count = len(getattr(message, splitting.field))
        if count <= 1 or not target.station_id:
            return [message]
        limits = await self._stored(who.tenant_id, target.station_id, splitting)
        if limits == Limits() and count > FEW:
            await self._ask(who, target, splitting)
            limits = await self._stored(who.tenant_id, target.station_id, splitting)
        try:
            return split(message, limits)
        except CodecError as error:
            raise InvalidArgument("request" + error.path.replace("/", "."), error.problem) from error

    async def _stored(self, tenant_id: str, station_id: str, splitting: _Splitting) -> Limits:
        async with self._services.unit_of_work(read_only=True) as work:
            found = await VariableRepository(work.session).find_instances(
                tenant_id,
                station_id,
                splitting.controller,
                ("ItemsPerMessage", "BytesPerMessage"),
                splitting.instance,
            )
        return Limits(_number(found.get("itemspermessage")), _number(found.get("bytespermessage")))

    async def _ask(self, who: Caller, target: CommandTarget, splitting: _Splitting) -> None:
        """Request the limits from the station; the answer is stored like any other."""
        now = CommandTarget()
        now.CopyFrom(target)
        now.when_online = False
        now.ClearField("expire_time")
        data = [
            ocpp.GetVariableData(
                component=Component(name=splitting.controller),
                variable=Variable(name=name, instance=splitting.instance),
            )
            for name in ("ItemsPerMessage", "BytesPerMessage")
        ]
        try:
            with asking_first():
                await self._services.commands.send(who, now, ocpp.GetVariablesRequest(get_variable_data=data))
        except CoreError as error:
            # Without limits, the request is sent in one message.
            logger.info("a station did not tell its limits", extra={"problem": str(error)})


def split(message: M, limits: Limits) -> list[M]:
    """Split a message into messages within limits; the order of its items is preserved.

    An item that is too large by itself is sent nevertheless, and the station decides.

    Raises:
        CodecError: When the message has no OCPP spelling.
    """
    if limits == Limits():
        return [message]
    field = _SPLITTINGS[type(message)].field
    rest = type(message)()
    rest.CopyFrom(message)
    rest.ClearField(field)
    pieces = []
    for items in _groups(message, rest, field, limits):
        piece = type(message)()
        piece.CopyFrom(rest)
        getattr(piece, field).extend(items)
        pieces.append(piece)
    return pieces


def merged(answers: Sequence[Any], field: str) -> Any:
    """Return one answer with the items of a repeated field of all answers; None if an answer is missing."""
    if any(answer is None for answer in answers):
        return None
    whole = type(answers[0])()
    whole.CopyFrom(answers[0])
    for answer in answers[1:]:
        getattr(whole, field).extend(getattr(answer, field))
    return whole


def outcome(answers: Sequence[ocpp.GetReportResponse | None]) -> ocpp.GetReportResponse | None:
    """Combine several answers to GetReport into one; return None if an answer is missing.

    The result is a refusal if any answer is one, else Accepted if any report will follow, else EmptyResultSet
    (B08.FR.15).
    """
    given = [answer for answer in answers if answer is not None]
    if len(given) < len(answers):
        return None
    good = (GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED, GENERIC_DEVICE_MODEL_STATUS_ENUM_EMPTY_RESULT_SET)
    refusals = [answer for answer in given if answer.status not in good]
    return (refusals or sorted(given, key=lambda answer: good.index(answer.status)))[0]


def _groups(message: Message, rest: Message, field: str, limits: Limits) -> Iterator[list[Any]]:
    items = list(getattr(message, field))
    most = limits.items or len(items)
    around, sizes = _sizes(rest, field, items) if limits.size is not None else (0, [0] * len(items))
    available = (limits.size or 0) - around
    group: list[Any] = []
    used = 0
    for item, size in zip(items, sizes, strict=True):
        # Each item but the first follows a comma.
        full = limits.size is not None and used + len(group) + size > available
        if group and (len(group) == most or full):
            yield group
            group, used = [], 0
        group.append(item)
        used += size
    yield group


def _sizes(rest: Message, field: str, items: Sequence[Any]) -> tuple[int, list[int]]:
    """Return the bytes of a frame without the items, and the bytes of each item."""
    name = rest.DESCRIPTOR.fields_by_name[field].json_name
    around, sizes = 0, []
    for item in items:
        alone = type(rest)()
        alone.CopyFrom(rest)
        getattr(alone, field).append(item)
        payload = encode(alone, complete=True)
        size = len(orjson.dumps(payload[name][0]))
        frame = [2, "0" * MESSAGE_ID, action_of(type(rest)).name, payload]
        around = len(orjson.dumps(frame)) - size
        sizes.append(size)
    return around, sizes


def _number(value: str | None) -> int | None:
    try:
        number = int(value or "")
    except ValueError:
        return None
    return number if number > 0 else None
