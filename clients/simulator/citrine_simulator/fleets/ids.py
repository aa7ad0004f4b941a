"""Ids of stations that count, and begin again."""

__all__ = ["RestartingIds"]


class RestartingIds:
    """Ids with a number that begins at 1 again after :meth:`restart`."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._number = 0

    def __call__(self) -> str:
        """Return the next id."""
        self._number += 1
        return f"{self._prefix}{self._number}"

    def restart(self) -> None:
        """Begin at 1 again."""
        self._number = 0
