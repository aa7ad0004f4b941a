"""Firmware campaigns: updates of many stations within limits of concurrency, failures and time."""

from citrine_core.blocks.firmware_management.campaigns.following import follow, let_wait_again
from citrine_core.blocks.firmware_management.campaigns.jobs import CampaignRunner
from citrine_core.blocks.firmware_management.campaigns.repository import CAMPAIGNS, SECRET_LOCATIONS, CampaignRepository
from citrine_core.blocks.firmware_management.campaigns.servicer import FirmwareCampaignsServicer

__all__ = [
    "CAMPAIGNS",
    "SECRET_LOCATIONS",
    "CampaignRepository",
    "CampaignRunner",
    "FirmwareCampaignsServicer",
    "follow",
    "let_wait_again",
]
