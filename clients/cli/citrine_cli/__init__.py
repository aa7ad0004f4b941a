"""The command line `citrine`: it starts Citrine's processes, and calls a core through the SDK."""

__all__: list[str] = []
