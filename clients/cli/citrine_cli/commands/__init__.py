"""The commands that call a core, one module for each word of the command line."""

__all__: list[str] = []
