"""Configurations: what stations should have set, and how far each of them is.

The tables and their queries; what is done with them is in the block of provisioning.
"""

from citrine_core.resources.configurations.models import Configuration, ConfigurationSelector, Provisioning
from citrine_core.resources.configurations.repository import (
    Choices,
    ConfigurationRepository,
    DueStation,
    ProvisioningRepository,
)

__all__ = [
    "Choices",
    "Configuration",
    "ConfigurationRepository",
    "ConfigurationSelector",
    "DueStation",
    "Provisioning",
    "ProvisioningRepository",
]
