"""Answers of calls with an idempotency key, in the forms in which they are stored."""

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

__all__ = ["AnswerOfCommand", "bears_secret", "sealed", "unsealed"]

AnswerOfCommand = Callable[[str, str, str, type[Message], datetime], Awaitable[Message | Exception | None]]
"""`await answer(tenant_id, command_id, action, response, before)` returns the response of a call of an action by the
command that it sent, or how that failed. None: the command has not ended before this time, or does not tell all that
the response says."""

_SECRETS = frozenset({"secret", "credential", "generated_password"})
"""Fields of responses that say a secret, once."""


def bears_secret(response: type[Message]) -> bool:
    """Return whether responses of a class may bear a secret."""
    return _bears_secret(response.DESCRIPTOR, frozenset())


def _bears_secret(message: Any, seen: frozenset[str]) -> bool:
    if message.full_name in seen or message.file.package != "citrine.api.v1":
        return False
    seen |= {message.full_name}
    return any(
        field.name in _SECRETS if field.message_type is None else _bears_secret(field.message_type, seen)
        for field in message.fields
    )


def sealed(answer: Message) -> str:
    """Return an answer as a text to encrypt."""
    return base64.b64encode(answer.SerializeToString()).decode()


def unsealed(text: str) -> bytes:
    """Return an answer from the text that was encrypted."""
    return base64.b64decode(text)
