"""A plug-in as somebody else would write it: readings that come by DataTransfer, kept in a table of its own."""

from citrine_core.dispatch import Block
from citrine_core.services import Services
from tests.support.example_block.handlers import ExampleHandlers
from tests.support.example_block.models import ExampleReading

__all__ = ["ExampleHandlers", "ExampleReading", "block"]


def block(services: Services) -> Block:
    """Return the block; the entry point names this function."""
    return Block(
        name="example",
        handlers=[ExampleHandlers(services)],
        tables=[ExampleReading.metadata.tables["example_readings"]],
    )
