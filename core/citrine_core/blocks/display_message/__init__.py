"""Functional block O, Display messages: messages that stations show for the CSMS."""

from functools import partial

from citrine.api.v1 import display_message_pb2_grpc
from citrine_core.blocks.display_message.handlers import DisplayMessageHandlers
from citrine_core.blocks.display_message.jobs import INTERVAL, DisplayMessageExpiry
from citrine_core.blocks.display_message.models import DisplayMessage
from citrine_core.blocks.display_message.repository import DisplayMessageRepository
from citrine_core.blocks.display_message.servicer import DisplayMessageServicer
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = [
    "DisplayMessage",
    "DisplayMessageExpiry",
    "DisplayMessageHandlers",
    "DisplayMessageRepository",
    "DisplayMessageServicer",
    "block",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    servicer = DisplayMessageServicer(services)
    return Block(
        "display_message",
        [DisplayMessageHandlers(services)],
        [partial(display_message_pb2_grpc.add_DisplayMessageServiceServicer_to_server, servicer)],
        ["citrine.api.v1.DisplayMessageService"],
        forget_station=DisplayMessageRepository.forget,
        jobs=[
            Job(
                "display messages that end by themselves",
                INTERVAL,
                DisplayMessageExpiry(services).run,
                due=DisplayMessageRepository.due(),
            )
        ],
    )
