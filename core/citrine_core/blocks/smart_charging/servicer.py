"""SmartChargingService: the gRPC face of functional block K."""

import math

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine_core.blocks.smart_charging.capacity import PlanRepository, PlanTriggers
from citrine_core.blocks.smart_charging.capacity.shown import plan_to_proto
from citrine_core.blocks.smart_charging.checks import TX, check_clear, check_composite, check_get
from citrine_core.blocks.smart_charging.jobs import ChargingPlans
from citrine_core.blocks.smart_charging.limits import LimitRepository
from citrine_core.blocks.smart_charging.models import Capacity
from citrine_core.blocks.smart_charging.profile_setter import ProfileSetter
from citrine_core.blocks.smart_charging.protos import (
    capacity_to_proto,
    limit_to_proto,
    negotiation_to_proto,
    record_to_proto,
)
from citrine_core.blocks.smart_charging.record_rpcs import RecordRpcs
from citrine_core.blocks.smart_charging.repository import (
    ChargingContextRepository,
    NegotiationRepository,
    ProfileRepository,
)
from citrine_core.blocks.transactions.targets import aim_at_transaction
from citrine_core.errors import FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.reports import ReportKind, ReportRequests
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, open_page, span_of
from citrine_core.services import Services

__all__ = ["SmartChargingServicer"]


class SmartChargingServicer(RecordRpcs):
    """Serves charging profiles, limits, negotiations, capacities and plans, and operations on them."""

    def __init__(self, services: Services, plans: ChargingPlans, triggers: PlanTriggers) -> None:
        super().__init__(services)
        self._reports = ReportRequests(services)
        self._setter = ProfileSetter(services)
        self._plans = plans
        self._triggers = triggers

    async def SetChargingProfile(
        self,
        request: pb.SetChargingProfileRequest,
        context: grpc.aio.ServicerContext[pb.SetChargingProfileRequest, pb.SetChargingProfileResponse],
    ) -> pb.SetChargingProfileResponse:
        return await self._setter.set(request, context)

    async def GetChargingProfiles(
        self,
        request: pb.GetChargingProfilesRequest,
        context: grpc.aio.ServicerContext[pb.GetChargingProfilesRequest, pb.GetChargingProfilesResponse],
    ) -> pb.GetChargingProfilesResponse:
        check_get(request.request, await self._setter.abilities(caller(context), request.target))
        return await self._reports.request(
            context, request, pb.GetChargingProfilesResponse, ReportKind.REPORT_KIND_CHARGING_PROFILES
        )

    async def ClearChargingProfile(
        self,
        request: pb.ClearChargingProfileRequest,
        context: grpc.aio.ServicerContext[pb.ClearChargingProfileRequest, pb.ClearChargingProfileResponse],
    ) -> pb.ClearChargingProfileResponse:
        if request.transaction_id:
            await self._aim_at_profiles(caller(context).tenant_id, request)
        check_clear(request.request, await self._setter.abilities(caller(context), request.target))
        return await self._services.commands.call(context, request, pb.ClearChargingProfileResponse)

    async def _aim_at_profiles(self, tenant_id: str, request: pb.ClearChargingProfileRequest) -> None:
        """Fill in the criteria of the profiles of a transaction."""
        if request.request != ocpp.ClearChargingProfileRequest():
            raise InvalidArgument("request", "must be empty beside transaction_id")
        row = await aim_at_transaction(self._unit_of_work, tenant_id, request.target, request.transaction_id)
        if row is None:
            raise NotFound("transaction", request.transaction_id)
        if not row.evse_id:
            raise FailedPrecondition("the station did not say at which EVSE the transaction is")
        criteria = request.request.charging_profile_criteria
        criteria.evse_id, criteria.charging_profile_purpose = row.evse_id, TX

    async def GetCompositeSchedule(
        self,
        request: pb.GetCompositeScheduleRequest,
        context: grpc.aio.ServicerContext[pb.GetCompositeScheduleRequest, pb.GetCompositeScheduleResponse],
    ) -> pb.GetCompositeScheduleResponse:
        check_composite(request.request, await self._setter.abilities(caller(context), request.target))
        return await self._services.commands.call(context, request, pb.GetCompositeScheduleResponse)

    async def ListChargingProfiles(
        self,
        request: pb.ListChargingProfilesRequest,
        context: grpc.aio.ServicerContext[pb.ListChargingProfilesRequest, pb.ListChargingProfilesResponse],
    ) -> pb.ListChargingProfilesResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ProfileRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                self._services.clock(),
                station_id=request.station_id,
                evse_id=request.evse_id if request.HasField("evse_id") else None,
                transaction_id=request.transaction_id,
                state=request.state,
                created=span_of(request.create_time),
                profile_id=request.charging_profile_id if request.HasField("charging_profile_id") else None,
                stations=checked_selector(request.stations),
            )
        profiles = [record_to_proto(row, state) for row, state in rows]
        return pb.ListChargingProfilesResponse(profiles=profiles, next_page_token=token)

    async def ListChargingNegotiations(
        self,
        request: pb.ListChargingNegotiationsRequest,
        context: grpc.aio.ServicerContext[pb.ListChargingNegotiationsRequest, pb.ListChargingNegotiationsResponse],
    ) -> pb.ListChargingNegotiationsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await NegotiationRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                transaction_id=request.transaction_id,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
        negotiations = [negotiation_to_proto(row) for row in rows]
        return pb.ListChargingNegotiationsResponse(negotiations=negotiations, next_page_token=token)

    async def RenegotiateChargingSchedule(
        self,
        request: pb.RenegotiateChargingScheduleRequest,
        context: grpc.aio.ServicerContext[pb.RenegotiateChargingScheduleRequest, pb.ChargingNegotiation],
    ) -> pb.ChargingNegotiation:
        _require_station(request.station_id)
        if request.evse_id <= 0:
            raise InvalidArgument("evse_id", "must be above 0")
        who = caller(context)
        async with self._unit_of_work() as work:
            if not await ChargingContextRepository(work.session).lock(who.tenant_id, request.station_id):
                raise NotFound("station", request.station_id)
            begun = await self._plans.renegotiate(
                work,
                who.tenant_id,
                request.station_id,
                request.evse_id,
                pb.CHARGING_NEGOTIATION_CAUSE_REQUESTED,
            )
            if not begun:
                raise FailedPrecondition(
                    f"no vehicle that charges on EVSE {request.evse_id} of {request.station_id} said what it needs"
                )
            await work.commit()
        return negotiation_to_proto(begun[0])

    async def ListChargingLimits(
        self,
        request: pb.ListChargingLimitsRequest,
        context: grpc.aio.ServicerContext[pb.ListChargingLimitsRequest, pb.ListChargingLimitsResponse],
    ) -> pb.ListChargingLimitsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await LimitRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                in_force_only=request.in_force_only,
                was_set=span_of(request.set_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListChargingLimitsResponse(limits=[limit_to_proto(row) for row in rows], next_page_token=token)

    async def SetChargingCapacity(
        self,
        request: pb.SetChargingCapacityRequest,
        context: grpc.aio.ServicerContext[pb.SetChargingCapacityRequest, pb.ChargingCapacity],
    ) -> pb.ChargingCapacity:
        row = _capacity_of(request.capacity)
        row.tenant_id, row.update_time = caller(context).tenant_id, self._services.clock()
        async with self._unit_of_work() as work:
            if not await ChargingContextRepository(work.session).lock(row.tenant_id, row.station_id):
                raise NotFound("station", row.station_id)
            await LimitRepository(work.session).put_capacity(row)
            cause, text = pb.CHARGING_PLAN_CAUSE_CAPACITY, "the capacity was set"
            await self._triggers.limited(work, row.tenant_id, row.station_id, cause, text)
            await work.commit()
        return capacity_to_proto(row)

    async def ListChargingCapacities(
        self,
        request: pb.ListChargingCapacitiesRequest,
        context: grpc.aio.ServicerContext[pb.ListChargingCapacitiesRequest, pb.ListChargingCapacitiesResponse],
    ) -> pb.ListChargingCapacitiesResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await LimitRepository(work.session).list_capacities(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                stations=checked_selector(request.stations),
            )
        return pb.ListChargingCapacitiesResponse(
            capacities=[capacity_to_proto(row) for row in rows], next_page_token=token
        )

    async def DeleteChargingCapacity(
        self,
        request: pb.DeleteChargingCapacityRequest,
        context: grpc.aio.ServicerContext[pb.DeleteChargingCapacityRequest, Empty],
    ) -> Empty:
        _require_station(request.station_id)
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work() as work:
            await ChargingContextRepository(work.session).lock(tenant_id, request.station_id)
            if not await LimitRepository(work.session).remove_capacity(tenant_id, request.station_id, request.evse_id):
                raise NotFound("charging capacity", f"of EVSE {request.evse_id} of {request.station_id}")
            cause, text = pb.CHARGING_PLAN_CAUSE_CAPACITY, "a capacity was deleted"
            await self._triggers.changed(work, tenant_id, request.station_id, cause, text)
            await work.commit()
        return Empty()

    async def GetChargingPlan(
        self,
        request: pb.GetChargingPlanRequest,
        context: grpc.aio.ServicerContext[pb.GetChargingPlanRequest, pb.ChargingPlan],
    ) -> pb.ChargingPlan:
        _require_station(request.station_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await PlanRepository(work.session).find(caller(context).tenant_id, request.station_id)
        if row is None:
            raise NotFound("charging plan", f"of {request.station_id}")
        return plan_to_proto(row)

    async def ListChargingPlans(
        self,
        request: pb.ListChargingPlansRequest,
        context: grpc.aio.ServicerContext[pb.ListChargingPlansRequest, pb.ListChargingPlansResponse],
    ) -> pb.ListChargingPlansResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await PlanRepository(work.session).list(caller(context).tenant_id, open_page(request))
        return pb.ListChargingPlansResponse(plans=[plan_to_proto(row) for row in rows], next_page_token=token)


def _require_station(station_id: str) -> None:
    if not station_id:
        raise InvalidArgument("station_id", "must not be empty")


def _capacity_of(capacity: pb.ChargingCapacity) -> Capacity:
    if not capacity.station_id:
        raise InvalidArgument("capacity.station_id", "must not be empty")
    if capacity.evse_id < 0:
        raise InvalidArgument("capacity.evse_id", "must not be negative")
    names = [name for name in ("max_power_w", "max_current_a") if capacity.HasField(name)]
    if not names:
        raise InvalidArgument("capacity", "must have max_power_w, max_current_a, or both")
    for name in names:
        if getattr(capacity, name) < 0 or math.isinf(getattr(capacity, name)):
            raise InvalidArgument(f"capacity.{name}", "must not be negative")
    return Capacity(
        station_id=capacity.station_id,
        evse_id=capacity.evse_id,
        max_power_w=capacity.max_power_w if "max_power_w" in names else None,
        max_current_a=capacity.max_current_a if "max_current_a" in names else None,
    )
