"""Configurations: the settings that stations should have, and the progress of each station.

This package has the tables and their queries. The provisioning block applies configurations to stations.
"""

from citrine_core.resources.configurations.models import Configuration, ConfigurationSelector, Provisioning
from citrine_core.resources.configurations.repository import (
    Choices,
    ConfigurationRepository,
    DueStation,
    ProvisioningRepository,
    has_provisioning,
    has_selectors,
)

__all__ = [
    "Choices",
    "Configuration",
    "ConfigurationRepository",
    "ConfigurationSelector",
    "DueStation",
    "Provisioning",
    "ProvisioningRepository",
    "has_provisioning",
    "has_selectors",
]
