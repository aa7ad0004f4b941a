"""RefusalsService: refused messages of stations, and tolerance rules."""

import re
from collections.abc import Callable

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import refusals_pb2 as pb
from citrine.api.v1.refusals_pb2_grpc import RefusalsServiceServicer
from citrine.events.v1.events_pb2 import Event, ToleranceRuleChanged
from citrine.ocpp.actions import ACTIONS, OLDER_ACTIONS
from citrine_core.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.refusals.models import ToleranceRuleRow
from citrine_core.resources.refusals.protos import etag_of, rule_to_proto, to_proto
from citrine_core.resources.refusals.repository import RefusalRepository, ToleranceRepository
from citrine_core.resources.stations.repository import StationRepository
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, check_length, check_pattern, check_printable, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["RefusalsServicer"]

DEFAULT_ACTIONS = ("MeterValues", "StartTransaction", "StopTransaction", "TransactionEvent")
"""Actions of a rule that names none."""

MAX_RULES = 200
"""Largest number of rules of one tenant. Every edge has all rules in memory."""

_RULE_ID = re.compile(r"[A-Za-z0-9_.-]{1,50}")


class RefusalsServicer(RefusalsServiceServicer):
    """Serves refusals and tolerance rules."""

    def __init__(self, services: Services, announce: Callable[[], None]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._announce = announce

    async def ListRefusals(
        self,
        request: pb.ListRefusalsRequest,
        context: grpc.aio.ServicerContext[pb.ListRefusalsRequest, pb.ListRefusalsResponse],
    ) -> pb.ListRefusalsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await RefusalRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                action=request.action,
                outcome=request.outcome,
                last=span_of(request.last_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListRefusalsResponse(refusals=map(to_proto, rows), next_page_token=token)

    async def ForgetRefusals(
        self,
        request: pb.ForgetRefusalsRequest,
        context: grpc.aio.ServicerContext[pb.ForgetRefusalsRequest, Empty],
    ) -> Empty:
        station_id, tenant_id = required("station_id", request.station_id), caller(context).tenant_id
        async with self._unit_of_work() as work:
            if not await StationRepository(work.session).ids_among(tenant_id, [station_id]):
                raise NotFound("station", station_id)
            await RefusalRepository(work.session).forget(tenant_id, station_id)
            await work.commit()
        return Empty()

    async def SetToleranceRule(
        self,
        request: pb.SetToleranceRuleRequest,
        context: grpc.aio.ServicerContext[pb.SetToleranceRuleRequest, pb.ToleranceRule],
    ) -> pb.ToleranceRule:
        _check(request.rule)
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work() as work:
            rules = ToleranceRepository(work.session)
            row = await rules.find(tenant_id, request.rule.rule_id)
            if request.rule.etag and (row is None or request.rule.etag != etag_of(row)):
                raise Conflict(f"tolerance rule {request.rule.rule_id} was changed in between")
            if row is None:
                if await rules.count(tenant_id) >= MAX_RULES:
                    raise FailedPrecondition(f"the tenant has {MAX_RULES} tolerance rules, and may have no more")
                row = ToleranceRuleRow(tenant_id=tenant_id, rule_id=request.rule.rule_id, uses=0)
                rules.add(row)
            _assign(row, request.rule)
            row.update_time = self._clock()
            work.emit(_changed(row))
            work.after_commit(self._announce)
            await work.commit()
        return rule_to_proto(row)

    async def GetToleranceRule(
        self,
        request: pb.GetToleranceRuleRequest,
        context: grpc.aio.ServicerContext[pb.GetToleranceRuleRequest, pb.ToleranceRule],
    ) -> pb.ToleranceRule:
        rule_id = required("rule_id", request.rule_id)
        async with self._unit_of_work(read_only=True) as work:
            return rule_to_proto(await ToleranceRepository(work.session).get(caller(context).tenant_id, rule_id))

    async def ListToleranceRules(
        self,
        request: pb.ListToleranceRulesRequest,
        context: grpc.aio.ServicerContext[pb.ListToleranceRulesRequest, pb.ListToleranceRulesResponse],
    ) -> pb.ListToleranceRulesResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ToleranceRepository(work.session).list(caller(context).tenant_id, open_page(request))
        return pb.ListToleranceRulesResponse(rules=map(rule_to_proto, rows), next_page_token=token)

    async def DeleteToleranceRule(
        self,
        request: pb.DeleteToleranceRuleRequest,
        context: grpc.aio.ServicerContext[pb.DeleteToleranceRuleRequest, Empty],
    ) -> Empty:
        rule_id = required("rule_id", request.rule_id)
        async with self._unit_of_work() as work:
            rules = ToleranceRepository(work.session)
            row = await rules.find(caller(context).tenant_id, rule_id)
            if row is None:
                raise NotFound("tolerance rule", rule_id)
            await rules.remove(row)
            work.emit(_changed(row, removed=True))
            work.after_commit(self._announce)
            await work.commit()
        return Empty()


def _check(rule: pb.ToleranceRule) -> None:
    wanted = "1 to 50 characters of A-Z a-z 0-9 and - _ ."
    check_pattern("rule.rule_id", rule.rule_id, _RULE_ID, wanted)
    check_length("rule.vendor_name", rule.vendor_name, 50)
    check_length("rule.model", rule.model, 20)
    check_length("rule.firmware_version", rule.firmware_version, 50)
    check_length("rule.description", rule.description, 255)
    for name in ("vendor_name", "model", "firmware_version", "description"):
        check_printable(f"rule.{name}", getattr(rule, name))
    for place, action in enumerate(rule.actions):
        found = ACTIONS.get(action)
        if action in OLDER_ACTIONS:
            continue
        if found is None or not found.from_station or found.response is None:
            raise InvalidArgument(f"rule.actions[{place}]", "is not an action that stations call")
    if not rule.kinds:
        raise InvalidArgument("rule.kinds", "must not be empty")
    if pb.TOLERANCE_KIND_UNSPECIFIED in rule.kinds:
        raise InvalidArgument("rule.kinds", "must be kinds that there are")


def _assign(row: ToleranceRuleRow, rule: pb.ToleranceRule) -> None:
    row.vendor_name, row.model, row.description = rule.vendor_name, rule.model, rule.description
    row.firmware_version = rule.firmware_version
    row.actions = " ".join(sorted(set(rule.actions) or DEFAULT_ACTIONS))
    row.kinds = " ".join(str(int(kind)) for kind in sorted(set(rule.kinds)))


def _changed(row: ToleranceRuleRow, *, removed: bool = False) -> Event:
    body = ToleranceRuleChanged(rule_id=row.rule_id, deleted=removed)
    return Event(tenant_id=row.tenant_id, tolerance_rule_changed=body)
