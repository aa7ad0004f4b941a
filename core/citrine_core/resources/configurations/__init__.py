"""Configurations: what stations should have set, and how far each of them is."""

__all__: list[str] = []
