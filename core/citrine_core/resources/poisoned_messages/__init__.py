"""Poisoned messages: shown, and run again."""

from collections.abc import Callable
from functools import partial

from citrine.api.v1 import poisoned_messages_pb2_grpc
from citrine_core.dispatch import Block, Item
from citrine_core.resources.poisoned_messages.servicer import PoisonedMessagesServicer
from citrine_core.resources.poisoned_messages.stage import PoisonedRun, PoisonedStage
from citrine_core.services import Services

__all__ = ["PoisonedMessagesServicer", "PoisonedRun", "PoisonedStage", "block"]


def block(services: Services, submit: Callable[[Item], None]) -> Block:
    """Return the resource, composed in the form of a block.

    Args:
        services: Transactions.
        submit: Callable[[Item], None]s an item to the lanes.
    """
    servicer = PoisonedMessagesServicer(services, submit)
    return Block(
        "poisoned messages",
        add_servicers=[partial(poisoned_messages_pb2_grpc.add_PoisonedMessagesServiceServicer_to_server, servicer)],
        service_names=["citrine.api.v1.PoisonedMessagesService"],
    )
