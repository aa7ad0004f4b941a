"""Functional block F, Remote control: starts and stops transactions, unlocks connectors and triggers messages."""

from functools import partial

from citrine.api.v1 import remote_control_pb2_grpc
from citrine_core.blocks.remote_control.handlers import RemoteControlHandlers
from citrine_core.blocks.remote_control.models import RemoteStart
from citrine_core.blocks.remote_control.repository import (
    RemoteStartKey,
    RemoteStartRepository,
    forget_remote_starts,
    limits_of_starts,
)
from citrine_core.blocks.remote_control.servicer import RemoteControlServicer
from citrine_core.blocks.remote_control.starts import record_started
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = [
    "RemoteControlHandlers",
    "RemoteControlServicer",
    "RemoteStart",
    "RemoteStartKey",
    "RemoteStartRepository",
    "block",
    "limits_of_starts",
    "record_started",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    # Imported here, because smart charging imports transactions, and these import this package.
    from citrine_core.blocks.smart_charging import check_start_profile

    servicer = RemoteControlServicer(services, check_start_profile)
    return Block(
        "remote_control",
        [RemoteControlHandlers(services)],
        [partial(remote_control_pb2_grpc.add_RemoteControlServiceServicer_to_server, servicer)],
        ["citrine.api.v1.RemoteControlService"],
        forget_station=forget_remote_starts,
    )
