"""Idempotency keys as the server sees them: where callers name them, and who handles calls that have one."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from citrine_core.errors import InvalidArgument
from citrine_core.rpc.caller import Caller

__all__ = [
    "IDEMPOTENCY_KEY",
    "REPLAYED",
    "Idempotency",
    "KeyedCall",
    "checked_key",
    "current_keyed_call",
    "set_keyed_call",
    "without_keyed_call",
]

IDEMPOTENCY_KEY = "citrine-idempotency-key"
"""Metadata key with the idempotency key of a call."""

REPLAYED = "citrine-idempotent-replay"
"""Trailing metadata key, "true" where answer or error are how an earlier call with the same idempotency key ended."""

LONGEST_KEY = 64


class KeyedCall(Protocol):
    """A call with an idempotency key that is under way."""

    def sends(self, command_id: str) -> None:
        """Note that the next commit stores a command, by whose end the call can be answered again."""
        ...


class Idempotency(Protocol):
    """Handles calls with an idempotency key: each once, however often it comes."""

    async def call(
        self,
        method: str,
        caller: Caller,
        key: str,
        request: Message,
        context: "grpc.aio.ServicerContext[Any, Any]",
        run: Callable[[], Awaitable[Message]],
    ) -> Message:
        """Return the answer of a call, which is handled by `run` unless it was handled before.

        Raises:
            CoreError: As the call did that was handled; or when the key can't be used for it.
        """
        ...


def checked_key(metadata: str) -> str:
    """Return an idempotency key that is valid.

    Raises:
        InvalidArgument: When it is not.
    """
    if not 1 <= len(metadata) <= LONGEST_KEY or not (metadata.isascii() and metadata.isprintable()):
        raise InvalidArgument(IDEMPOTENCY_KEY, f"must have 1 to {LONGEST_KEY} printable characters of ASCII")
    return metadata


_CURRENT: ContextVar[KeyedCall | None] = ContextVar("call with an idempotency key", default=None)


def current_keyed_call() -> KeyedCall | None:
    """Return the call of the present task, if it has an idempotency key."""
    return _CURRENT.get()


def set_keyed_call(call: KeyedCall) -> None:
    """Set the call for the rest of the present task."""
    _CURRENT.set(call)


@contextlib.contextmanager
def without_keyed_call() -> Iterator[None]:
    """Have commands within a block be none that the call can be answered by."""
    token = _CURRENT.set(None)
    try:
        yield
    finally:
        _CURRENT.reset(token)
