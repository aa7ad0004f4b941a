"""Migrations of the adapter's database, which Alembic runs."""

__all__: list[str] = []
