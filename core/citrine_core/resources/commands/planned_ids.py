"""Ids of commands that are decided before the command is stored.

Who must know afterwards whether a command was stored, whatever happened meanwhile, stores its id first, and plans it. A
command of that id is stored once, by whatever core.
"""

from contextvars import ContextVar

from citrine_core.ids import new_id

__all__ = ["next_command_id", "plan_command"]

_PLANNED: ContextVar[list[str] | None] = ContextVar("planned ids of commands", default=None)


def plan_command(command_id: str) -> None:
    """Give the next command of this task, or of those that it begins, an id."""
    _PLANNED.set([command_id])


def next_command_id() -> str:
    """Return the id of a new command: the one that was planned for it, else a new one."""
    planned = _PLANNED.get()
    return planned.pop() if planned else new_id()
