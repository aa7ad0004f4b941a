"""Functional block P, Data transfer: DataTransfer in both directions, and customData in messages of any block."""

from functools import partial

from citrine.api.v1 import data_transfer_pb2_grpc
from citrine_core.blocks.data_transfer.custom import FORGET_INTERVAL, CustomDataRecorder
from citrine_core.blocks.data_transfer.handlers import DataTransferHandlers
from citrine_core.blocks.data_transfer.models import CustomMessage, DataTransfer
from citrine_core.blocks.data_transfer.repository import DataTransferRepository, forget_custom_messages
from citrine_core.blocks.data_transfer.servicer import DataTransferServicer
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = [
    "CustomDataRecorder",
    "CustomMessage",
    "DataTransfer",
    "DataTransferHandlers",
    "DataTransferRepository",
    "DataTransferServicer",
    "block",
]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    recorder = CustomDataRecorder(services)
    return Block(
        "data_transfer",
        [DataTransferHandlers(services)],
        [partial(data_transfer_pb2_grpc.add_DataTransferServiceServicer_to_server, DataTransferServicer(services))],
        ["citrine.api.v1.DataTransferService"],
        jobs=[Job("custom data to forget", FORGET_INTERVAL, recorder.forget, is_shared=True)],
        observers=[recorder.observe],
        forget_station=forget_custom_messages,
    )
