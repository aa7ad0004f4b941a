"""What can go wrong in a measurement."""

__all__ = ["BenchError"]


class BenchError(Exception):
    """A measurement cannot be made as it was asked for."""
