"""TariffsService and TariffAndCostService: the gRPC face of functional block I."""

from collections.abc import Callable
from datetime import UTC

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariff_and_cost_pb2_grpc, tariffs_pb2_grpc
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.events.v1.events_pb2 import TariffChanged
from citrine_core.blocks.tariff_and_cost.assignment_requests import (
    assignment_row,
    check_assignment,
    check_currency,
    check_preview,
    looked_assignments,
)
from citrine_core.blocks.tariff_and_cost.assignments import Subject, find_tariffs
from citrine_core.blocks.tariff_and_cost.change_events import publish_assignment, publish_tariff
from citrine_core.blocks.tariff_and_cost.corrections import CorrectionRepository
from citrine_core.blocks.tariff_and_cost.corrections.protos import corrections_to_protos
from citrine_core.blocks.tariff_and_cost.definitions import (
    CHANGEABLE,
    SETTINGS,
    assign_settings,
    changed,
    check_tariff,
    version_of,
)
from citrine_core.blocks.tariff_and_cost.preview import preview
from citrine_core.blocks.tariff_and_cost.protos import (
    assignment_to_proto,
    cost_in_list,
    cost_to_proto,
    settings_to_proto,
    tariff_to_proto,
)
from citrine_core.blocks.tariff_and_cost.repository import TariffRepository
from citrine_core.blocks.tariff_and_cost.rules import read_rules
from citrine_core.blocks.tariff_and_cost.texts import text_of
from citrine_core.blocks.tariff_and_cost.transaction_costs import (
    CostRepository,
    Tariffs,
    Tenants,
    breakdown_of,
)
from citrine_core.blocks.transactions.lists.queries import MOST_IDS
from citrine_core.blocks.transactions.targets import aim_at_transaction
from citrine_core.db import Page, UnitOfWork
from citrine_core.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.locations.queries import find_time_zones, retain_location
from citrine_core.resources.stations.repository import StationRepository
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.resources.tenants.queries import lock_tenant
from citrine_core.rpc import apply_mask, caller, changed_span, check_count, check_etag, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["TariffAndCostServicer", "TariffsServicer"]


class TariffsServicer(tariffs_pb2_grpc.TariffsServiceServicer):
    """Tariffs, their assignments, and previews of costs."""

    def __init__(self, services: Services, wake_running_costs: Callable[[], None]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._tenants = Tenants.of(services)
        self._wake_running_costs = wake_running_costs

    async def GetTariff(
        self, request: pb.GetTariffRequest, context: grpc.aio.ServicerContext[pb.GetTariffRequest, pb.Tariff]
    ) -> pb.Tariff:
        tariff_id = required("tariff_id", request.tariff_id)
        async with self._unit_of_work(read_only=True) as work:
            tariffs = TariffRepository(work.session)
            found = await tariffs.get(caller(context).tenant_id, tariff_id, version=request.version)
        return tariff_to_proto(*found)

    async def ListTariffs(
        self,
        request: pb.ListTariffsRequest,
        context: grpc.aio.ServicerContext[pb.ListTariffsRequest, pb.ListTariffsResponse],
    ) -> pb.ListTariffsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await TariffRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                changed=changed_span(request),
                with_deleted=request.include_deleted,
            )
        return pb.ListTariffsResponse(tariffs=[tariff_to_proto(*row) for row in rows], next_page_token=token)

    async def ListTariffVersions(
        self,
        request: pb.ListTariffVersionsRequest,
        context: grpc.aio.ServicerContext[pb.ListTariffVersionsRequest, pb.ListTariffVersionsResponse],
    ) -> pb.ListTariffVersionsResponse:
        tenant_id = caller(context).tenant_id
        tariff_id = required("tariff_id", request.tariff_id)
        async with self._unit_of_work(read_only=True) as work:
            tariffs = TariffRepository(work.session)
            tariff, _ = await tariffs.get(tenant_id, tariff_id, version=1)
            rows, token = await tariffs.list_versions(tenant_id, open_page(request), tariff_id)
        versions = [tariff_to_proto(tariff, row) for row in rows]
        return pb.ListTariffVersionsResponse(tariffs=versions, next_page_token=token)

    async def CreateTariff(
        self, request: pb.CreateTariffRequest, context: grpc.aio.ServicerContext[pb.CreateTariffRequest, pb.Tariff]
    ) -> pb.Tariff:
        check_tariff(request.tariff)
        version = version_of(caller(context).tenant_id, request.tariff, self._clock())
        async with self._unit_of_work() as work:
            tariff = await TariffRepository(work.session).add(version)
            await publish_tariff(work, tariff, version, TariffChanged.KIND_CREATED, self._clock)
            await work.commit()
        return tariff_to_proto(tariff, version)

    async def UpdateTariff(
        self, request: pb.UpdateTariffRequest, context: grpc.aio.ServicerContext[pb.UpdateTariffRequest, pb.Tariff]
    ) -> pb.Tariff:
        tenant_id, tariff_id = caller(context).tenant_id, required("tariff.tariff_id", request.tariff.tariff_id)
        fields = apply_mask(request.update_mask, request.tariff, CHANGEABLE)
        async with self._unit_of_work() as work:
            tariffs = TariffRepository(work.session)
            tariff, current = await tariffs.get(tenant_id, tariff_id, for_update=True)
            if request.tariff.etag and request.tariff.etag != str(tariff.version):
                raise Conflict(f"tariff {tariff_id} was changed in between")
            definition = changed(pb.Tariff.FromString(current.definition), request.tariff, fields)
            check_tariff(definition)
            version = version_of(tenant_id, definition, self._clock())
            if version.definition == current.definition:
                return tariff_to_proto(tariff, current)
            await tariffs.add_version(tariff, version)
            await publish_tariff(work, tariff, version, TariffChanged.KIND_UPDATED, self._clock)
            await work.commit()
        return tariff_to_proto(tariff, version)

    async def DeleteTariff(
        self, request: pb.DeleteTariffRequest, context: grpc.aio.ServicerContext[pb.DeleteTariffRequest, Empty]
    ) -> Empty:
        tariff_id = required("tariff_id", request.tariff_id)
        async with self._unit_of_work() as work:
            tariffs = TariffRepository(work.session)
            tariff, version = await tariffs.get(caller(context).tenant_id, tariff_id, for_update=True)
            await tariffs.remove(tariff, self._clock())
            await publish_tariff(work, tariff, version, TariffChanged.KIND_DELETED, self._clock)
            await work.commit()
        return Empty()

    async def AssignTariff(
        self,
        request: pb.AssignTariffRequest,
        context: grpc.aio.ServicerContext[pb.AssignTariffRequest, pb.TariffAssignment],
    ) -> pb.TariffAssignment:
        tenant_id, wanted = caller(context).tenant_id, request.assignment
        now = self._clock()
        check_assignment(wanted, now)
        async with self._unit_of_work() as work:
            tariffs = TariffRepository(work.session)
            _, version = await tariffs.get(tenant_id, wanted.tariff_id, for_update=True)
            if wanted.station_id:
                await StationRepository(work.session).get(tenant_id, wanted.station_id)
                await check_currency(
                    work, tenant_id, wanted.station_id, pb.Tariff.FromString(version.definition).currency
                )
            if wanted.location_id:
                await retain_location(work.session, tenant_id, wanted.location_id)
            row = await tariffs.assign(assignment_row(tenant_id, wanted, now))
            publish_assignment(work, row, TariffChanged.KIND_ASSIGNED)
            work.after_commit(lambda: self._tenants.forget(tenant_id))
            await work.commit()
        return assignment_to_proto(row)

    async def GetTariffAssignment(
        self,
        request: pb.GetTariffAssignmentRequest,
        context: grpc.aio.ServicerContext[pb.GetTariffAssignmentRequest, pb.TariffAssignment],
    ) -> pb.TariffAssignment:
        assignment_id = required("assignment_id", request.assignment_id)
        async with self._unit_of_work(read_only=True) as work:
            found = TariffRepository(work.session).get_assignment(caller(context).tenant_id, assignment_id)
            return assignment_to_proto(await found)

    async def ListTariffAssignments(
        self,
        request: pb.ListTariffAssignmentsRequest,
        context: grpc.aio.ServicerContext[pb.ListTariffAssignmentsRequest, pb.ListTariffAssignmentsResponse],
    ) -> pb.ListTariffAssignmentsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await TariffRepository(work.session).list_assignments(
                caller(context).tenant_id,
                open_page(request),
                looked_assignments(request),
                open_at=None if request.include_ended else self._clock(),
            )
        return pb.ListTariffAssignmentsResponse(assignments=map(assignment_to_proto, rows), next_page_token=token)

    async def UnassignTariff(
        self, request: pb.UnassignTariffRequest, context: grpc.aio.ServicerContext[pb.UnassignTariffRequest, Empty]
    ) -> Empty:
        tenant_id, assignment_id = caller(context).tenant_id, required("assignment_id", request.assignment_id)
        time = request.valid_to.ToDatetime(UTC) if request.HasField("valid_to") else None
        async with self._unit_of_work() as work:
            row = await TariffRepository(work.session).unassign(tenant_id, assignment_id, time, self._clock())
            publish_assignment(work, row, TariffChanged.KIND_UNASSIGNED)
            work.after_commit(lambda: self._tenants.forget(tenant_id))
            await work.commit()
        return Empty()

    async def PreviewCost(
        self,
        request: pb.PreviewCostRequest,
        context: grpc.aio.ServicerContext[pb.PreviewCostRequest, pb.PreviewCostResponse],
    ) -> pb.PreviewCostResponse:
        check_preview(request)
        if request.HasField("tariff"):
            check_tariff(request.tariff)
            tariff = request.tariff
        else:
            async with self._unit_of_work(read_only=True) as work:
                tariff = await self._tariff_of(work, caller(context).tenant_id, request)
        cost = preview(read_rules(tariff), request.usage, self._clock())
        return pb.PreviewCostResponse(
            tariff_id="" if request.HasField("tariff") else tariff.tariff_id,
            version=tariff.version,
            cost=cost,
            text=text_of(tariff)[0],
        )

    async def GetCostSettings(
        self,
        request: pb.GetCostSettingsRequest,
        context: grpc.aio.ServicerContext[pb.GetCostSettingsRequest, pb.CostSettings],
    ) -> pb.CostSettings:
        async with self._unit_of_work(read_only=True) as work:
            return settings_to_proto(await CostRepository(work.session).settings(caller(context).tenant_id))

    async def UpdateCostSettings(
        self,
        request: pb.UpdateCostSettingsRequest,
        context: grpc.aio.ServicerContext[pb.UpdateCostSettingsRequest, pb.CostSettings],
    ) -> pb.CostSettings:
        tenant_id, wanted = caller(context).tenant_id, request.settings
        fields = apply_mask(request.update_mask, wanted, SETTINGS)
        async with self._unit_of_work() as work:
            costs = CostRepository(work.session)
            await lock_tenant(work.session, tenant_id)
            row = await costs.settings(tenant_id)
            check_etag("the settings", wanted.etag, settings_to_proto(row).etag)
            assign_settings(row, wanted, fields)
            await costs.put_settings(row, self._clock())
            work.after_commit(lambda: self._tenants.forget(tenant_id))
            work.after_commit(self._wake_running_costs)
            await work.commit()
        return settings_to_proto(row)

    async def _tariff_of(self, work: UnitOfWork, tenant_id: str, request: pb.PreviewCostRequest) -> pb.Tariff:
        tariff_id, version, now = request.tariff_id, request.version, self._clock()
        if not tariff_id:
            if request.station_id:
                await StationRepository(work.session).get(tenant_id, request.station_id)
            token = request.id_token
            subject = Subject(request.station_id, request.evse_id or None, token.id_token, token.type, now, now)
            (found,) = await find_tariffs(work, tenant_id, [subject])
            if found is None:
                raise FailedPrecondition("no tariff applies there")
            tariff_id, version = found[:2]
        tariff = tariff_to_proto(*await TariffRepository(work.session).get(tenant_id, tariff_id, version=version))
        if request.station_id and not tariff.time_zone:
            zones = await find_time_zones(work.session, tenant_id, [request.station_id])
            tariff.time_zone = zones.get(request.station_id, "")
        return tariff


class TariffAndCostServicer(tariff_and_cost_pb2_grpc.TariffAndCostServiceServicer):
    """The costs of transactions."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tariffs = Tariffs()

    async def GetTransactionCost(
        self,
        request: cost_pb.GetTransactionCostRequest,
        context: grpc.aio.ServicerContext[cost_pb.GetTransactionCostRequest, cost_pb.TransactionCost],
    ) -> cost_pb.TransactionCost:
        tenant_id, transaction_id = caller(context).tenant_id, required("transaction_id", request.transaction_id)
        async with self._services.unit_of_work(read_only=True) as work:
            rows, _ = await CostRepository(work.session).list(
                tenant_id, Page(2), station_id=request.station_id, transaction_id=transaction_id
            )
            if not rows:
                raise NotFound("cost of transaction", transaction_id)
            if len(rows) > 1:
                raise InvalidArgument("station_id", "must be given, because several stations reported this transaction")
            (row,) = rows
            tariff = pb.Tariff()
            if row.tariff_id is not None:
                stored = await TariffRepository(work.session).get(
                    tenant_id, row.tariff_id, version=row.tariff_version or 0
                )
                tariff = tariff_to_proto(*stored)
                tariff.time_zone = tariff.time_zone or row.time_zone or ""
            key = (row.station_id, row.transaction_id)
            latest = (await CorrectionRepository(work.session).find_latest(tenant_id, [key])).get(key)
        now = self._services.clock()
        cost = breakdown_of(row, read_rules(tariff), now) if row.after_tax is not None else None
        return cost_to_proto(row, cost, tariff, now, latest)

    async def GetCostCorrection(
        self,
        request: cost_pb.GetCostCorrectionRequest,
        context: grpc.aio.ServicerContext[cost_pb.GetCostCorrectionRequest, cost_pb.CostCorrection],
    ) -> cost_pb.CostCorrection:
        station_id = required("station_id", request.station_id)
        transaction_id = required("transaction_id", request.transaction_id)
        if request.number < 0:
            raise InvalidArgument("number", "must not be negative")
        async with self._services.unit_of_work(read_only=True) as work:
            row = await CorrectionRepository(work.session).get(
                caller(context).tenant_id, station_id, transaction_id, number=request.number
            )
            [found] = await corrections_to_protos(work, caller(context).tenant_id, [row])
        return found

    async def ListCostCorrections(
        self,
        request: cost_pb.ListCostCorrectionsRequest,
        context: grpc.aio.ServicerContext[cost_pb.ListCostCorrectionsRequest, cost_pb.ListCostCorrectionsResponse],
    ) -> cost_pb.ListCostCorrectionsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await CorrectionRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                transaction_id=request.transaction_id,
                reason=request.reason,
                author=request.requested_by,
                created=span_of(request.create_time),
                stations=checked_selector(request.stations),
            )
            corrections = await corrections_to_protos(work, caller(context).tenant_id, rows, whole=False)
        return cost_pb.ListCostCorrectionsResponse(corrections=corrections, next_page_token=token)

    async def ListTransactionCosts(
        self,
        request: cost_pb.ListTransactionCostsRequest,
        context: grpc.aio.ServicerContext[cost_pb.ListTransactionCostsRequest, cost_pb.ListTransactionCostsResponse],
    ) -> cost_pb.ListTransactionCostsResponse:
        tenant_id = caller(context).tenant_id
        check_count("transaction_ids", request.transaction_ids, MOST_IDS)
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await CostRepository(work.session).list(
                tenant_id,
                open_page(request),
                station_id=request.station_id,
                transaction_ids=request.transaction_ids,
                id_token=request.id_token,
                state=request.state,
                settled=span_of(request.settle_time),
                stations=checked_selector(request.stations),
            )
            keys = {row.tariff for row in rows if row.tariff is not None}
            tariffs = await self._tariffs.find(work, tenant_id, keys)
            latest = await CorrectionRepository(work.session).find_latest(
                tenant_id, [(row.station_id, row.transaction_id) for row in rows]
            )
        now = self._services.clock()
        costs = [
            cost_in_list(
                row,
                None if row.tariff is None else tariffs.get(row.tariff),
                now,
                latest.get((row.station_id, row.transaction_id)),
                whole=request.include_breakdown,
            )
            for row in rows
        ]
        return cost_pb.ListTransactionCostsResponse(costs=costs, next_page_token=token)

    async def CostUpdated(
        self,
        request: cost_pb.CostUpdatedRequest,
        context: grpc.aio.ServicerContext[cost_pb.CostUpdatedRequest, cost_pb.CostUpdatedResponse],
    ) -> cost_pb.CostUpdatedResponse:
        if request.request.transaction_id:
            target, transaction_id = request.target, request.request.transaction_id
            await aim_at_transaction(self._services.unit_of_work, caller(context).tenant_id, target, transaction_id)
        return await self._services.commands.call(context, request, cost_pb.CostUpdatedResponse)
