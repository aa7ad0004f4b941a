"""Functional block B, Provisioning: boot, configuration and reports of the device model."""

from citrine_core.blocks.provisioning.handlers import ProvisioningHandlers
from citrine_core.blocks.provisioning.models import ReportedVariable, ReportPart, ReportRun
from citrine_core.blocks.provisioning.repository import (
    RegistrationRepository,
    ReportRepository,
    VariableRepository,
    forget_device_model,
)
from citrine_core.blocks.provisioning.servicer import ProvisioningServicer

__all__ = [
    "ProvisioningHandlers",
    "ProvisioningServicer",
    "RegistrationRepository",
    "ReportPart",
    "ReportRepository",
    "ReportRun",
    "ReportedVariable",
    "VariableRepository",
    "forget_device_model",
]
