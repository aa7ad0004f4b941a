"""Answers of calls by the stored ends of the commands that they sent."""

from datetime import datetime

import orjson
from google.protobuf.message import Message

from citrine.api.v1 import common_pb2 as common
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.codec import decode
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import CoreError
from citrine_core.resources.commands.outcomes import stored_error
from citrine_core.resources.commands.protos import json_to_struct, to_proto
from citrine_core.resources.commands.repository import CommandRepository, StoredCommand

__all__ = ["IN_PIECES", "CallAnswers"]

IN_PIECES = frozenset(
    {
        "ClearVariableMonitoring",
        "GetReport",
        "GetVariables",
        "SendLocalList",
        "SetVariableMonitoring",
        "SetVariables",
    }
)
"""Actions whose rpcs may send several commands, of which one does not tell what became of the call."""

_WHOLE = ({"command", "response"}, {"command", "payload"})
"""Fields of the responses that say no more than a command does."""


class CallAnswers:
    """Makes the answer of a call whose core ended before it, as the call would have been answered.

    Args:
        unit_of_work: Opens transactions.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work

    async def answer(
        self, tenant_id: str, command_id: str, action: str, response: type[Message], before: datetime
    ) -> Message | CoreError | None:
        """Return the response of a call of an action by the command that it sent, or how the command failed.

        None: the command has not ended before this time, or it does not tell all that the response says.
        """
        if set(response.DESCRIPTOR.fields_by_name) not in _WHOLE:
            return None
        async with self._unit_of_work(read_only=True) as work:
            row = await CommandRepository(work.session).find(tenant_id, command_id)
        if row is None or row.action != action or (action in IN_PIECES and not row.is_native):
            return None
        made = response(command=to_proto(row))
        if row.finish_time is None:
            is_waiting = row.state == common.COMMAND_STATE_QUEUED and row.core_id is None
            return made if is_waiting else None
        if row.finish_time > before:
            return None
        if row.state != common.COMMAND_STATE_ANSWERED:
            return stored_error(row.state, row.error_code, row.error_description)
        _set_response(made, row)
        return made


def _set_response(made: Message, row: StoredCommand) -> None:
    payload = orjson.loads(row.response)
    if "payload" in made.DESCRIPTOR.fields_by_name:
        made.payload.CopyFrom(json_to_struct(payload))  # type: ignore[attr-defined]
        return
    answer = ACTIONS[row.action].response
    if answer is not None and "response" in made.DESCRIPTOR.fields_by_name:
        made.response.CopyFrom(decode(answer, payload))  # type: ignore[attr-defined]
