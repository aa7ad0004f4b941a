"""Idempotency keys of forms: what a form changes is done once, however often the same form is sent."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import grpc
from grpc.aio import ClientCallDetails

from citrine_console.errors import Problem
from citrine_console.texts import _
from citrine_sdk import is_conflict
from citrine_sdk.idempotency import KeyedCalls

__all__ = ["FORM_KEY", "FormCalls", "called_once", "is_open", "new_form_key", "said_open"]

FORM_KEY = "_form_key"
"""Name of the hidden field of a form with what tells it apart from all others."""

_OPEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)

_FINAL = ("citrine-idempotent-replay", "citrine-command-id")
"""Metadata of errors that are the core's answer: the call has ended so."""

_current: ContextVar[KeyedCalls | None] = ContextVar("calls of a form", default=None)


# Any, because interceptors apply to methods of all request types.
class FormCalls(grpc.aio.UnaryUnaryClientInterceptor):
    """Gives the calls within `called_once` their keys."""

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Any], Any],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        """Pass on a call."""
        calls = _current.get()
        if calls is None:
            return await continuation(client_call_details, request)
        return await calls.intercept_unary_unary(continuation, client_call_details, request)


def new_form_key() -> str:
    """Return what tells a form that is shown apart from all others."""
    return secrets.token_urlsafe(16)


@contextmanager
def called_once(form_key: str, path: str, values: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Within the block, calls have keys that are the same whenever the form is sent with the same values.

    Args:
        form_key: The form. Empty, as of programs that send no such field: calls have no keys.
        path: What it is sent to, with its query.
        values: What was filled in. Edited values are another request, with keys of its own.
    """
    if not form_key:
        yield
        return
    key = hashlib.sha256(json.dumps([form_key, path, [*values]]).encode()).hexdigest()[:48]
    token = _current.set(KeyedCalls(key))
    try:
        yield
    finally:
        _current.reset(token)


def is_open(error: grpc.aio.AioRpcError) -> bool:
    """Return whether a call that failed may have had its effect, or may have it yet."""
    names = {str(name) for name, _value in error.trailing_metadata() or ()}
    return error.code() in _OPEN and names.isdisjoint(_FINAL) and not is_conflict(error)


def said_open(problem: Problem) -> Problem:
    """Return what to tell people of a call that may have had its effect."""
    said = _("It is not known whether it was done. Pressing again does it once.")
    return replace(problem, text=f"{problem.text} {said}".strip())
