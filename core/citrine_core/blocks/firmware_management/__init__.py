"""Functional block L, Firmware management: updates of stations one by one and by campaigns, and publications."""

from datetime import timedelta
from functools import partial

from citrine.api.v1 import firmware_campaigns_pb2_grpc, firmware_management_pb2_grpc
from citrine_core.blocks.firmware_management.campaigns import (
    CAMPAIGNS,
    SECRET_LOCATIONS,
    CampaignRepository,
    CampaignRunner,
    FirmwareCampaignsServicer,
)
from citrine_core.blocks.firmware_management.handlers import FirmwareManagementHandlers, note_boots
from citrine_core.blocks.firmware_management.jobs import Silence
from citrine_core.blocks.firmware_management.models import FirmwarePublication, FirmwareStatus, FirmwareUpdate
from citrine_core.blocks.firmware_management.publications import PublicationHandlers
from citrine_core.blocks.firmware_management.repository import FirmwareRepository, awaits_boot
from citrine_core.blocks.firmware_management.servicer import FirmwareManagementServicer
from citrine_core.blocks.firmware_management.verification import FirmwareVerifier
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = [
    "CampaignRunner",
    "FirmwareManagementHandlers",
    "FirmwareManagementServicer",
    "FirmwarePublication",
    "FirmwareRepository",
    "FirmwareStatus",
    "FirmwareUpdate",
    "Silence",
    "awaits_boot",
    "block",
    "note_boots",
]

CAMPAIGN_INTERVAL = timedelta(seconds=2)
"""Interval between checks for stations of campaigns that are connected again or due."""

SILENCE_INTERVAL = timedelta(seconds=30)


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    campaigns = Job(
        "firmware campaigns",
        CAMPAIGN_INTERVAL,
        CampaignRunner(services).run,
        due=CampaignRepository.at_work_since(),
    )
    silence = Job(
        "firmware that stations are silent of",
        SILENCE_INTERVAL,
        Silence(services).run,
        due=FirmwareRepository.due(),
    )

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        await FirmwareRepository(work.session).forget(tenant_id, station_id)
        await CampaignRepository(work.session).forget_station(tenant_id, station_id, services.clock())
        work.after_commit(campaigns.wake)

    return Block(
        "firmware_management",
        [FirmwareManagementHandlers(services, campaigns.wake), PublicationHandlers(services)],
        [
            partial(
                firmware_management_pb2_grpc.add_FirmwareManagementServiceServicer_to_server,
                FirmwareManagementServicer(services),
            ),
            partial(
                firmware_campaigns_pb2_grpc.add_FirmwareCampaignsServiceServicer_to_server,
                FirmwareCampaignsServicer(services, campaigns.wake),
            ),
        ],
        ["citrine.api.v1.FirmwareManagementService", "citrine.api.v1.FirmwareCampaignsService"],
        secrets=[SECRET_LOCATIONS],
        counted=[CAMPAIGNS],
        check_command=FirmwareVerifier(services).check_command,
        forget_station=forget_station,
        jobs=[campaigns, silence],
    )
