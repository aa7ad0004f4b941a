"""PoisonedMessagesService."""

from collections.abc import Callable
from typing import TypeAlias

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import ParseError
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from citrine.api.v1 import poisoned_messages_pb2 as pb
from citrine.api.v1.poisoned_messages_pb2_grpc import PoisonedMessagesServiceServicer
from citrine.ocpp.actions import unwrap
from citrine.ocpp.codec import encode
from citrine.ocpp.secrets import mask_key_codes, mask_secrets
from citrine_core.dispatch import Item
from citrine_core.dispatch.models import PoisonedMessage
from citrine_core.dispatch.poisoned import PoisonedMessages, content_of
from citrine_core.resources.commands.protos import json_to_struct
from citrine_core.resources.poisoned_messages.stage import PoisonedRun
from citrine_core.rpc import caller, open_page, required, span_of, to_timestamp
from citrine_core.services import Services

__all__ = ["PoisonedMessagesServicer"]

MASK = "***"

LONGEST_ERROR = 500
"""Most characters of an error that are shown, of its first line."""

ListContext: TypeAlias = "grpc.aio.ServicerContext[pb.ListPoisonedMessagesRequest, pb.ListPoisonedMessagesResponse]"
RunContext: TypeAlias = "grpc.aio.ServicerContext[pb.RunPoisonedMessageRequest, pb.RunPoisonedMessageResponse]"


class PoisonedMessagesServicer(PoisonedMessagesServiceServicer):
    """Serves poisoned messages, and runs them again."""

    def __init__(self, services: Services, submit: Callable[[Item], None]) -> None:
        self._unit_of_work = services.unit_of_work
        self._submit = submit

    async def GetPoisonedMessage(
        self,
        request: pb.GetPoisonedMessageRequest,
        context: "grpc.aio.ServicerContext[pb.GetPoisonedMessageRequest, pb.PoisonedMessage]",
    ) -> pb.PoisonedMessage:
        message_id = required("poisoned_message_id", request.poisoned_message_id)
        async with self._unit_of_work(read_only=True) as work:
            return _to_proto(await PoisonedMessages(work.session).get(caller(context).tenant_id, message_id))

    async def ListPoisonedMessages(
        self, request: pb.ListPoisonedMessagesRequest, context: ListContext
    ) -> pb.ListPoisonedMessagesResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await PoisonedMessages(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                action=request.action,
                created=span_of(request.create_time),
            )
        return pb.ListPoisonedMessagesResponse(messages=map(_to_proto, rows), next_page_token=token)

    async def RunPoisonedMessage(
        self, request: pb.RunPoisonedMessageRequest, context: RunContext
    ) -> pb.RunPoisonedMessageResponse:
        tenant_id, message_id = caller(context).tenant_id, required("poisoned_message_id", request.poisoned_message_id)
        async with self._unit_of_work() as work:
            row = await PoisonedMessages(work.session).get(tenant_id, message_id)
            # The audit has that it was asked for, whatever becomes of it.
            await work.commit(at_once=True)
        run = PoisonedRun(message_id)
        self._submit(Item(tenant_id, row.station_id, run, lambda _: None))
        answer = await run.done
        response, _ = _shown(lambda: answer)
        return pb.RunPoisonedMessageResponse(response=response)

    async def DeletePoisonedMessage(
        self,
        request: pb.DeletePoisonedMessageRequest,
        context: "grpc.aio.ServicerContext[pb.DeletePoisonedMessageRequest, Empty]",
    ) -> Empty:
        message_id = required("poisoned_message_id", request.poisoned_message_id)
        async with self._unit_of_work() as work:
            repository = PoisonedMessages(work.session)
            await repository.remove(await repository.get(caller(context).tenant_id, message_id, for_update=True))
            await work.commit()
        return Empty()


def _to_proto(row: PoisonedMessage) -> pb.PoisonedMessage:
    content = content_of(row)
    shown = pb.PoisonedMessage(
        poisoned_message_id=str(row.id),
        station_id=row.station_id,
        action=row.kind,
        message_id=content.message_id,
        error=row.error.partition("\n")[0][:LONGEST_ERROR],
        receive_time=content.receive_time,
        create_time=to_timestamp(row.create_time),
    )
    request, problem = _shown(lambda: unwrap(content.request))
    if request is None:
        shown.error += f" (the request can't be shown: {problem})"
    else:
        shown.request.CopyFrom(request)
    return shown


def _shown(message: Callable[[], Message]) -> tuple[Struct | None, str]:
    """Return a message with its secrets masked; None, and why, if it can't be shown.

    It may be poisoned by what it says, and must hide no other one.
    """
    try:
        payload = encode(message())
        mask_secrets(payload, MASK)
        mask_key_codes(payload, MASK)
        return json_to_struct(payload), ""
    except (ValueError, ParseError, RecursionError) as error:
        return None, f"{type(error).__name__}: {error}"
