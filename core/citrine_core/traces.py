"""The trace that the current task works for, as whoever asked for it said (W3C Trace Context).

Citrine records no spans. It hands on what it was given, and log lines bear the id of the trace as `trace_id`.
"""

import re
from contextvars import ContextVar

__all__ = ["current_trace", "set_trace", "trace_id_of"]

# Each rpc and each lane runs in a task of its own, which has a context of its own.
_current: ContextVar[str] = ContextVar("citrine_trace", default="")

# Version ff is none; ids of nothing but zeros are invalid.
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def set_trace(traceparent: str) -> None:
    """Say which trace the current task works for; what is no traceparent counts as none."""
    _current.set(traceparent if traceparent and _FORM.fullmatch(traceparent) else "")


def current_trace() -> str:
    """Return the traceparent of the current task. Empty: there is none."""
    return _current.get()


def trace_id_of(traceparent: str) -> str:
    """Return the id of the trace. Empty where there is none."""
    found = _FORM.fullmatch(traceparent)
    return found[1] if found is not None else ""
