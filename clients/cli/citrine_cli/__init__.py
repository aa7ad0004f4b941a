"""The command line `citrine`: starts Citrine's processes, and asks and commands a core through the SDK."""

__all__: list[str] = []
