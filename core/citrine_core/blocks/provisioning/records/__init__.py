"""What became of resets (B11, B12), and the network profiles that stations were given (B09)."""

from citrine_core.blocks.provisioning.records.handlers import RecordHandlers, record_boots
from citrine_core.blocks.provisioning.records.models import NetworkProfile, Reset
from citrine_core.blocks.provisioning.records.protos import network_profile_to_proto, reset_to_proto
from citrine_core.blocks.provisioning.records.repository import NetworkProfileRepository, ResetRepository, awaits_reset

__all__ = [
    "NetworkProfile",
    "NetworkProfileRepository",
    "RecordHandlers",
    "Reset",
    "ResetRepository",
    "awaits_reset",
    "network_profile_to_proto",
    "record_boots",
    "reset_to_proto",
]
