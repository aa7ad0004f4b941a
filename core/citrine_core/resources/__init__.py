"""Resources: what no functional block owns."""

__all__: list[str] = []
