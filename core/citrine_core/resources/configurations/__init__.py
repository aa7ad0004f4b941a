"""Configurations: the settings that stations should have, and the progress of each station.

This package has the tables and their queries. The provisioning block applies configurations to stations.
"""

from citrine_core.resources.configurations.choices import Choices, Selector
from citrine_core.resources.configurations.models import Configuration, ConfigurationSelector, Provisioning
from citrine_core.resources.configurations.repository import (
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
    "Selector",
    "has_provisioning",
    "has_selectors",
]
