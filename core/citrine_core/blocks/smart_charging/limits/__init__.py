"""What limits a station: capacities that operators set, and limits that others impose (K11 to K14)."""

from citrine_core.blocks.smart_charging.limits.repository import LimitRepository

__all__ = ["LimitRepository"]
