"""What the composition root hands to blocks and resources."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from citrine_core.clock import Clock
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWorkFactory

if TYPE_CHECKING:
    from citrine_core.resources.commands import CommandSender

__all__ = ["Services"]


@dataclass(frozen=True)
class Services:
    """Everything a block or resource may use beside its own files."""

    settings: CoreSettings
    unit_of_work: UnitOfWorkFactory
    clock: Clock
    commands: "CommandSender"
    """Sends CSMS-initiated messages to stations."""
