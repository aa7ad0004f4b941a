"""Functional block P, Data transfer: what vendors add, both ways."""

from citrine_core.blocks.data_transfer.handlers import DataTransferHandlers
from citrine_core.blocks.data_transfer.models import DataTransfer
from citrine_core.blocks.data_transfer.repository import DataTransferRepository
from citrine_core.blocks.data_transfer.servicer import DataTransferServicer

__all__ = ["DataTransfer", "DataTransferHandlers", "DataTransferRepository", "DataTransferServicer"]
