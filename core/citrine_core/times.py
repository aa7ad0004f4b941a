"""Points in time between protobuf and Python: the well-known type's own methods cost several times as much."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["set_time", "to_datetime"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(timestamp: Timestamp) -> datetime:
    """Return the time in UTC, to the microsecond, as the database stores it."""
    return _EPOCH + timedelta(0, timestamp.seconds, timestamp.nanos // 1000)


def set_time(timestamp: Timestamp, time: datetime) -> None:
    """Set a field to an aware time."""
    since = time - _EPOCH
    timestamp.seconds = since.days * 86_400 + since.seconds
    timestamp.nanos = since.microseconds * 1000
