"""Traces of the calls of stations, in the form of W3C Trace Context, so that log lines of edge and core can be matched.

Nobody records spans of them, and the flags say so.
"""

__all__ = ["Traces", "trace_id_of"]


class Traces:
    """Traceparents of one edge process.

    Args:
        process_id: Of this process, 16 hexadecimal digits; random, so that traces of two processes differ.
    """

    __slots__ = ("_process_id",)

    def __init__(self, process_id: str) -> None:
        self._process_id = process_id

    def of(self, number: int) -> str:
        """Return the traceparent of what has this number, from 1, within the process."""
        digits = f"{number:016x}"
        return f"00-{self._process_id}{digits}-{digits}-00"


def trace_id_of(traceparent: str) -> str:
    """Return the id of a trace. Empty where there is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 else ""
