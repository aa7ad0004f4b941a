"""Commands: messages to stations on somebody's behalf, with their life from queued to ended."""

from citrine_core.resources.commands.models import CommandRow
from citrine_core.resources.commands.queue import CommandQueue
from citrine_core.resources.commands.repository import SECRETS as COMMAND_SECRETS
from citrine_core.resources.commands.repository import CommandRepository
from citrine_core.resources.commands.sender import CommandSender
from citrine_core.resources.commands.servicer import CommandsServicer
from citrine_core.resources.commands.stage import CommandsStage

__all__ = [
    "COMMAND_SECRETS",
    "CommandQueue",
    "CommandRepository",
    "CommandRow",
    "CommandSender",
    "CommandsServicer",
    "CommandsStage",
]
