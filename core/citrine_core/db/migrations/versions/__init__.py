"""One module for each revision of the schema, the oldest first."""

__all__: list[str] = []
