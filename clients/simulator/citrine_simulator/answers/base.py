"""The decorator that marks the handler of an action."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from citrine_simulator.connection import Answer

__all__ = ["Handler", "answers", "collect"]

Handler = Callable[[dict[str, Any]], Awaitable[Answer]]
"""Returns the answer to the payload of a CALL; raises CallRefusedError for a CALLERROR."""

F = TypeVar("F", bound=Callable[..., Awaitable[Answer]])

_MARK = "__answers__"


def answers(action: str) -> Callable[[F], F]:
    """Mark a method as the handler of an action. `collect` finds it; nothing is registered."""

    def mark(method: F) -> F:
        setattr(method, _MARK, action)
        return method

    return mark


def collect(*blocks: object) -> Mapping[str, Handler]:
    """Return the marked methods of these objects by action."""
    handlers: dict[str, Handler] = {}
    for block in blocks:
        for name in dir(type(block)):
            action = getattr(getattr(type(block), name), _MARK, None)
            if action is not None:
                handlers[action] = getattr(block, name)
    return handlers
