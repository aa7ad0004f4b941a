"""SecurityProfileUpgradesService: the gRPC face of upgrades."""

from typing import Any, TypeAlias

import grpc

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.api.v1 import security_profile_upgrades_pb2_grpc
from citrine_core.blocks.security.profile_upgrades.protos import upgrade_to_proto
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.blocks.security.profile_upgrades.requests import UpgradeRequests
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["SecurityProfileUpgradesServicer"]

Context: TypeAlias = "grpc.aio.ServicerContext[Any, pb.SecurityProfileUpgrade]"


class SecurityProfileUpgradesServicer(
    security_profile_upgrades_pb2_grpc.SecurityProfileUpgradesServiceServicer,
):
    """Begins upgrades, and shows them.

    Args:
        services: Services of the core.
        signs: Whether an authority signs certificates of stations here.
    """

    def __init__(self, services: Services, *, signs: bool) -> None:
        self._unit_of_work = services.unit_of_work
        self._requests = UpgradeRequests(services, signs=signs)

    async def CreateSecurityProfileUpgrade(
        self, request: pb.CreateSecurityProfileUpgradeRequest, context: Context
    ) -> pb.SecurityProfileUpgrade:
        return upgrade_to_proto(await self._requests.begin(caller(context), request))

    async def GetSecurityProfileUpgrade(
        self, request: pb.GetSecurityProfileUpgradeRequest, context: Context
    ) -> pb.SecurityProfileUpgrade:
        upgrade_id = required("upgrade_id", request.upgrade_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await ProfileUpgradeRepository(work.session).get(caller(context).tenant_id, upgrade_id)
        return upgrade_to_proto(row)

    async def ListSecurityProfileUpgrades(
        self,
        request: pb.ListSecurityProfileUpgradesRequest,
        context: grpc.aio.ServicerContext[
            pb.ListSecurityProfileUpgradesRequest, pb.ListSecurityProfileUpgradesResponse
        ],
    ) -> pb.ListSecurityProfileUpgradesResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ProfileUpgradeRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListSecurityProfileUpgradesResponse(
            security_profile_upgrades=map(upgrade_to_proto, rows), next_page_token=token
        )
