"""Ids that count and can restart."""

__all__ = ["RestartingIds"]


class RestartingIds:
    """Generates numbered ids from 1 on, and from 1 again after :meth:`restart`."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._number = 0

    def __call__(self) -> str:
        """Return the next id."""
        self._number += 1
        return f"{self._prefix}{self._number}"

    def restart(self) -> None:
        """Restart at 1."""
        self._number = 0
