"""What became of resets, and the network profiles that stations were given."""

__all__: list[str] = []
