"""Log lines: a constant sentence, then its fields."""

import logging
import sys
from collections.abc import Callable

__all__ = ["FieldFormatter", "set_up_logging"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """Writes the fields of a record as ``name=value`` behind its sentence, and the trace that the task works for.

    Args:
        trace_id: Returns the id of that trace; empty where there is none.
        worker: Number of the worker that this process is, for all records. 0: it is none.
    """

    def __init__(self, trace_id: Callable[[], str] = str, worker: int = 0) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._trace_id = trace_id
        self._worker = worker

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = [f"{name}={value!r}" for name, value in vars(record).items() if name not in _STANDARD]
        if self._worker:
            fields.append(f"worker={self._worker}")
        trace_id = self._trace_id()
        if trace_id and not hasattr(record, "trace_id"):
            fields.append(f"trace_id={trace_id!r}")
        return " ".join([super().formatMessage(record), *fields])


def set_up_logging(level: str, trace_id: Callable[[], str] = str, worker: int = 0) -> None:
    """Write log records of a level and above to standard error; `trace_id` and `worker` are as in FieldFormatter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter(trace_id, worker))
    logging.basicConfig(level=level, handlers=[handler], force=True)
