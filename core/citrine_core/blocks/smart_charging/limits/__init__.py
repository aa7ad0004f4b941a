"""The limits of a station: capacities that operators set, and external limits (K11 to K14)."""

from citrine_core.blocks.smart_charging.limits.repository import LimitRepository

__all__ = ["LimitRepository"]
