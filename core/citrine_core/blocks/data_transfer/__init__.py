"""Functional block P, Data transfer: what vendors add, both ways."""

from functools import partial

from citrine.api.v1 import data_transfer_pb2_grpc
from citrine_core.blocks.data_transfer.handlers import DataTransferHandlers
from citrine_core.blocks.data_transfer.models import DataTransfer
from citrine_core.blocks.data_transfer.repository import DataTransferRepository
from citrine_core.blocks.data_transfer.servicer import DataTransferServicer
from citrine_core.dispatch import Block
from citrine_core.services import Services

__all__ = ["DataTransfer", "DataTransferHandlers", "DataTransferRepository", "DataTransferServicer", "block"]


def block(services: Services) -> Block:
    """Return the block, put together."""
    return Block(
        "data_transfer",
        [DataTransferHandlers(services)],
        [partial(data_transfer_pb2_grpc.add_DataTransferServiceServicer_to_server, DataTransferServicer(services))],
        ["citrine.api.v1.DataTransferService"],
    )
