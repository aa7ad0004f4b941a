"""The commands that call a core, one module for each noun of the command line."""

__all__: list[str] = []
