"""Upgrades of stations to a higher security profile (A05)."""

from citrine_core.blocks.security.profile_upgrades.jobs import FollowUpgrades
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.blocks.security.profile_upgrades.servicer import SecurityProfileUpgradesServicer

__all__ = ["FollowUpgrades", "ProfileUpgradeRepository", "SecurityProfileUpgradesServicer"]
