"""Log lines: a constant sentence, then its fields."""

import logging
import sys

from citrine_core.traces import current_trace, trace_id_of

__all__ = ["FieldFormatter", "set_up_logging"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """Writes the fields of a record as ``name=value`` behind its sentence, and the trace that the task works for."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = [f"{name}={value!r}" for name, value in vars(record).items() if name not in _STANDARD]
        trace_id = trace_id_of(current_trace())
        if trace_id and not hasattr(record, "trace_id"):
            fields.append(f"trace_id={trace_id!r}")
        return " ".join([super().formatMessage(record), *fields])


def set_up_logging(level: str) -> None:
    """Write log records to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
