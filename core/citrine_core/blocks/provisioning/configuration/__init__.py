"""What stations should have set: applied while they are Pending or when an operator says so, and compared (B02)."""

from citrine_core.blocks.provisioning.configuration.boots import Boot, registrations_at_boot
from citrine_core.blocks.provisioning.configuration.handlers import ConfigurationHandlers
from citrine_core.blocks.provisioning.configuration.jobs import Provisioner
from citrine_core.blocks.provisioning.configuration.servicer import ConfigurationsServicer

__all__ = ["Boot", "ConfigurationHandlers", "ConfigurationsServicer", "Provisioner", "registrations_at_boot"]
