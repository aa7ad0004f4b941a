"""What clients say of a text that has no meaning."""

__all__ = ["WrongText"]


class WrongText(Exception):
    """A text that somebody wrote is not what it should be. It says what is expected."""
