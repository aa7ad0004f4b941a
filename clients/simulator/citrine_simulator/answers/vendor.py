"""Block P: DataTransfer."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["VendorAnswers"]


class VendorAnswers:
    """DataTransfer: the answer to a known vendor echoes the data, others are unknown (P01)."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers("DataTransfer")
    async def data_transfer(self, payload: dict[str, Any]) -> Answer:
        """Echo the data of a known vendor."""
        if payload["vendorId"] not in self._parts.config.data_transfer_vendors:
            # P01.FR.05
            return Answer({"status": "UnknownVendorId"})
        answer: dict[str, Any] = {"status": "Accepted"}
        if "data" in payload:
            answer["data"] = payload["data"]
        return Answer(answer)
