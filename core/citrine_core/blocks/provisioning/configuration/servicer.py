"""ConfigurationsService: what stations should have set, and whether they have."""

from collections.abc import Callable

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1 import configurations_pb2_grpc
from citrine_core.blocks.provisioning.configuration.protos import (
    CHANGEABLE,
    assign,
    check_configuration_id,
    check_fields,
    configuration_to_proto,
    provisioning_to_proto,
    selectors_of,
)
from citrine_core.blocks.provisioning.configuration.targeting import apply_to, configurations_of, drift_reports
from citrine_core.db import Page, UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.configurations import Configuration, ConfigurationRepository, ProvisioningRepository
from citrine_core.resources.stations import Station, StationRepository
from citrine_core.resources.stations.lists import LookedStations, list_stations
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import apply_mask, caller, changed_span, open_page, required
from citrine_core.services import Services

__all__ = ["ConfigurationsServicer"]

STATIONS = 500
"""Stations that a configuration is applied to in one transaction."""


class ConfigurationsServicer(configurations_pb2_grpc.ConfigurationsServiceServicer):
    """Configurations as the API shows them.

    Args:
        services: Of the core.
        wake: Has the next steps done at once.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._wake = wake

    async def GetConfiguration(
        self,
        request: pb.GetConfigurationRequest,
        context: grpc.aio.ServicerContext[pb.GetConfigurationRequest, pb.Configuration],
    ) -> pb.Configuration:
        configuration_id = required("configuration_id", request.configuration_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await ConfigurationRepository(work.session).get(caller(context).tenant_id, configuration_id)
        return configuration_to_proto(row)

    async def ListConfigurations(
        self,
        request: pb.ListConfigurationsRequest,
        context: grpc.aio.ServicerContext[pb.ListConfigurationsRequest, pb.ListConfigurationsResponse],
    ) -> pb.ListConfigurationsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ConfigurationRepository(work.session).list(
                caller(context).tenant_id, open_page(request), changed=changed_span(request)
            )
        configurations = [configuration_to_proto(row) for row in rows]
        return pb.ListConfigurationsResponse(configurations=configurations, next_page_token=token)

    async def CreateConfiguration(
        self,
        request: pb.CreateConfigurationRequest,
        context: grpc.aio.ServicerContext[pb.CreateConfigurationRequest, pb.Configuration],
    ) -> pb.Configuration:
        given = request.configuration
        check_configuration_id("configuration.configuration_id", given.configuration_id)
        check_fields(given, CHANGEABLE)
        tenant_id = caller(context).tenant_id
        row = Configuration(tenant_id=tenant_id, configuration_id=given.configuration_id, version=1, content=b"")
        assign(row, given, CHANGEABLE)
        async with self._unit_of_work() as work:
            row.create_time = row.update_time = await change_time(work.session, self._clock)
            repository = ConfigurationRepository(work.session)
            await repository.add(row)
            await repository.put_selectors(tenant_id, row.configuration_id, selectors_of(given))
            await work.commit()
        return configuration_to_proto(row)

    async def UpdateConfiguration(
        self,
        request: pb.UpdateConfigurationRequest,
        context: grpc.aio.ServicerContext[pb.UpdateConfigurationRequest, pb.Configuration],
    ) -> pb.Configuration:
        given, tenant_id = request.configuration, caller(context).tenant_id
        configuration_id = required("configuration.configuration_id", given.configuration_id)
        fields = apply_mask(request.update_mask, given, CHANGEABLE)
        check_fields(given, fields)
        async with self._unit_of_work() as work:
            repository = ConfigurationRepository(work.session)
            row = await repository.get(tenant_id, configuration_id, for_update=True)
            if given.etag and given.etag != str(row.version):
                raise Conflict(f"configuration {configuration_id} was changed in between")
            assign(row, given, fields)
            row.version += 1
            row.update_time = await change_time(work.session, self._clock)
            if "selectors" in fields:
                await repository.put_selectors(tenant_id, configuration_id, selectors_of(given))
            await work.commit()
        return configuration_to_proto(row)

    async def DeleteConfiguration(
        self,
        request: pb.DeleteConfigurationRequest,
        context: grpc.aio.ServicerContext[pb.DeleteConfigurationRequest, Empty],
    ) -> Empty:
        configuration_id = required("configuration_id", request.configuration_id)
        async with self._unit_of_work() as work:
            repository = ConfigurationRepository(work.session)
            row = await repository.get(caller(context).tenant_id, configuration_id, for_update=True)
            await repository.remove(row)
            await work.commit()
        return Empty()

    async def ApplyConfiguration(
        self,
        request: pb.ApplyConfigurationRequest,
        context: grpc.aio.ServicerContext[pb.ApplyConfigurationRequest, pb.ApplyConfigurationResponse],
    ) -> pb.ApplyConfigurationResponse:
        tenant_id = caller(context).tenant_id
        if request.WhichOneof("target") == "station_id":
            if request.HasField("stations"):
                raise InvalidArgument("stations", "must be unset where a station is named")
            await self._apply_to_one(tenant_id, request)
            return pb.ApplyConfigurationResponse(stations=1)
        if checked_selector(request.stations) is None or request.configuration_id:
            required("configuration_id", request.configuration_id)
            async with self._unit_of_work(read_only=True) as work:
                await ConfigurationRepository(work.session).get(tenant_id, request.configuration_id)
        return pb.ApplyConfigurationResponse(stations=await self._apply_to_all(tenant_id, request))

    async def GetProvisioning(
        self,
        request: pb.GetProvisioningRequest,
        context: grpc.aio.ServicerContext[pb.GetProvisioningRequest, pb.Provisioning],
    ) -> pb.Provisioning:
        station_id = required("station_id", request.station_id)
        async with self._unit_of_work(read_only=True) as work:
            row = await ProvisioningRepository(work.session).find(caller(context).tenant_id, station_id)
        if row is None:
            raise NotFound("configuration of station", station_id)
        return provisioning_to_proto(row)

    async def ListProvisionings(
        self,
        request: pb.ListProvisioningsRequest,
        context: grpc.aio.ServicerContext[pb.ListProvisioningsRequest, pb.ListProvisioningsResponse],
    ) -> pb.ListProvisioningsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ProvisioningRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                states=request.states,
                configuration_id=request.configuration_id,
                stations=checked_selector(request.stations),
            )
        provisionings = [provisioning_to_proto(row) for row in rows]
        return pb.ListProvisioningsResponse(provisionings=provisionings, next_page_token=token)

    async def GetDriftReport(
        self,
        request: pb.GetDriftReportRequest,
        context: grpc.aio.ServicerContext[pb.GetDriftReportRequest, pb.DriftReport],
    ) -> pb.DriftReport:
        station_id, tenant_id = required("station_id", request.station_id), caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            pairs = await _pair_of(work, tenant_id, station_id)
            [report] = await drift_reports(work, tenant_id, pairs, drifted_only=False)
        return report

    async def ListDriftReports(
        self,
        request: pb.ListDriftReportsRequest,
        context: grpc.aio.ServicerContext[pb.ListDriftReportsRequest, pb.ListDriftReportsResponse],
    ) -> pb.ListDriftReportsResponse:
        tenant_id = caller(context).tenant_id
        looked = LookedStations(stations=checked_selector(request.stations))
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await list_stations(work.session, tenant_id, open_page(request), looked)
            pairs = await configurations_of(work, tenant_id, [station for station, _ in rows])
            wanted = [pair for pair in pairs if request.configuration_id in ("", pair[1].configuration_id)]
            reports = await drift_reports(work, tenant_id, wanted, drifted_only=request.drifted_only)
        return pb.ListDriftReportsResponse(reports=reports, next_page_token=token)

    async def _apply_to_one(self, tenant_id: str, request: pb.ApplyConfigurationRequest) -> None:
        station_id = required("station_id", request.station_id)
        async with self._unit_of_work() as work:
            pairs = await _pair_of(work, tenant_id, station_id)
            await apply_to(work, tenant_id, pairs, request, self._clock())
            work.after_commit(self._wake)
            await work.commit()

    async def _apply_to_all(self, tenant_id: str, request: pb.ApplyConfigurationRequest) -> int:
        page, count, looked = Page(STATIONS), 0, LookedStations(stations=request.stations)
        while True:
            async with self._unit_of_work() as work:
                rows, token = await list_stations(work.session, tenant_id, page, looked)
                pairs = await configurations_of(work, tenant_id, [station for station, _ in rows])
                wanted = [pair for pair in pairs if request.configuration_id in ("", pair[1].configuration_id)]
                await apply_to(work, tenant_id, wanted, request, self._clock())
                work.after_commit(self._wake)
                await work.commit()
            count += len(wanted)
            if not token:
                return count
            page = page.behind((rows[-1][0].station_id,))


async def _pair_of(work: UnitOfWork, tenant_id: str, station_id: str) -> list[tuple[Station, Configuration]]:
    station, _ = await StationRepository(work.session).get(tenant_id, station_id)
    pairs = await configurations_of(work, tenant_id, [station])
    if not pairs:
        raise FailedPrecondition(f"station {station_id} has no configuration")
    return pairs
