"""Ids of commands that are decided before the command is stored, and the commands that are not meant.

Who must know afterwards whether a command was stored, whatever happened meanwhile, stores its id first, and plans it. A
command of that id is stored once, by whatever core. What a call sends to learn how to do its work is not meant by it.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from citrine_core.ids import new_id
from citrine_core.rpc.idempotency import without_keyed_call

__all__ = ["asking_first", "next_command_id", "plan_command"]

_PLANNED: ContextVar[list[str] | None] = ContextVar("planned ids of commands", default=None)


def plan_command(command_id: str) -> None:
    """Give the next command of this task, or of those that it begins, an id."""
    _PLANNED.set([command_id])


def next_command_id() -> str:
    """Return the id of a new command: the one that was planned for it, else a new one."""
    planned = _PLANNED.get()
    return planned.pop() if planned else new_id()


@contextlib.contextmanager
def asking_first() -> Iterator[None]:
    """Send the commands of a block only to learn how to do the work of the present call.

    They take no planned id, and a call with an idempotency key is never answered by them.
    """
    token = _PLANNED.set(None)
    try:
        with without_keyed_call():
            yield
    finally:
        _PLANNED.reset(token)
