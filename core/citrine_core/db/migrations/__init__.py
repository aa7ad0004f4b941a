"""Migrations of the database, run by `citrine db upgrade`."""

__all__: list[str] = []
