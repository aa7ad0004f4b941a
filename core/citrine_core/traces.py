"""The trace of the current task, as given by its caller (W3C Trace Context).

Citrine records no spans. It propagates the traceparent, and log lines contain the id of the trace as `trace_id`.
"""

import re
from contextvars import ContextVar

__all__ = ["current_trace", "set_trace", "trace_id_of"]

# Each rpc and each lane runs in its own task, which has its own context.
_current: ContextVar[str] = ContextVar("citrine_trace", default="")

# Version ff is none; ids of nothing but zeros are invalid.
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def set_trace(traceparent: str) -> None:
    """Set the trace of the current task. An invalid traceparent counts as none."""
    _current.set(traceparent if traceparent and _FORM.fullmatch(traceparent) else "")


def current_trace() -> str:
    """Return the traceparent of the current task. Empty: there is none."""
    return _current.get()


def trace_id_of(traceparent: str) -> str:
    """Return the id of the trace; empty if there is none."""
    found = _FORM.fullmatch(traceparent)
    return found[1] if found is not None else ""
