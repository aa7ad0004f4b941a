"""TransactionLimitsService: limits of transactions."""

from collections.abc import Callable
from typing import Any

import grpc
from sqlalchemy import Row

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1 import transaction_limits_pb2_grpc
from citrine_core.blocks.transactions.limits.events import publish_changes
from citrine_core.blocks.transactions.limits.repository import LimitRepository, new_row
from citrine_core.blocks.transactions.limits.throttling import ThrottleRepository
from citrine_core.blocks.transactions.lists import TransactionLists
from citrine_core.errors import FailedPrecondition, NotFound
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.resources.usage_limits import NO_LIMIT, Limit
from citrine_core.rpc import caller, open_page, required, to_timestamp
from citrine_core.services import Services

__all__ = ["TransactionLimitsServicer"]


class TransactionLimitsServicer(transaction_limits_pb2_grpc.TransactionLimitsServiceServicer):
    """Limits of transactions as the API shows them.

    Args:
        services: Clock and database.
        wake: Called after the commit if a limit became due.
        wake_throttles: Called after the commit if a throttled transaction may continue.
    """

    def __init__(self, services: Services, wake: Callable[[], None], wake_throttles: Callable[[], None]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._wake = wake
        self._wake_throttles = wake_throttles

    async def GetTransactionLimit(
        self,
        request: pb.GetTransactionLimitRequest,
        context: grpc.aio.ServicerContext[pb.GetTransactionLimitRequest, pb.TransactionLimit],
    ) -> pb.TransactionLimit:
        key = (
            required("station_id", request.station_id),
            required("transaction_id", request.transaction_id),
        )
        async with self._unit_of_work(read_only=True) as work:
            rows = await LimitRepository(work.session).find_all(caller(context).tenant_id, [key])
            throttle = await ThrottleRepository(work.session).find(caller(context).tenant_id, key)
        if key not in rows:
            raise NotFound("limit of transaction", key[1])
        return _to_proto(rows[key], throttle)

    async def ListTransactionLimits(
        self,
        request: pb.ListTransactionLimitsRequest,
        context: grpc.aio.ServicerContext[pb.ListTransactionLimitsRequest, pb.ListTransactionLimitsResponse],
    ) -> pb.ListTransactionLimitsResponse:
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await LimitRepository(work.session).list(
                tenant_id,
                open_page(request),
                station_id=request.station_id,
                state=request.state,
                stations=checked_selector(request.stations),
            )
            throttles = await ThrottleRepository(work.session).find_all(tenant_id, [_key(row) for row in rows])
        limits = [_to_proto(row, throttles.get(_key(row))) for row in rows]
        return pb.ListTransactionLimitsResponse(limits=limits, next_page_token=token)

    async def SetTransactionLimit(
        self,
        request: pb.SetTransactionLimitRequest,
        context: grpc.aio.ServicerContext[pb.SetTransactionLimitRequest, pb.TransactionLimit],
    ) -> pb.TransactionLimit:
        who, now = caller(context), self._clock()
        key = (
            required("station_id", request.station_id),
            required("transaction_id", request.transaction_id),
        )
        limit = Limit.read("limit", request.limit) if request.HasField("limit") else NO_LIMIT
        async with self._unit_of_work() as work:
            found = await TransactionLists(work.session).find(who.tenant_id, key[1], station_id=key[0])
            if not found:
                raise NotFound("transaction", key[1])
            if found[0].end_time is not None or found[0].closed_time is not None:
                raise FailedPrecondition("the transaction is not open")
            limits = LimitRepository(work.session)
            before = await limits.find_for_update(who.tenant_id, key)
            of_token = {"prepaid": before.prepaid, "watches_token": before.watches_token} if before is not None else {}
            await limits.put(new_row(who.tenant_id, key, now, **limit.columns, **of_token, set_by=who.name[:255]))
            await limits.mark_unannounced(who.tenant_id, key)
            rows = await limits.find_all(who.tenant_id, [key])
            throttles = ThrottleRepository(work.session)
            if await throttles.release(who.tenant_id, [key], now):
                changed = dict(rows[key]._mapping), pb.THROTTLE_STATE_RELEASING
                await publish_changes(work, who.tenant_id, [changed])
                work.after_commit(self._wake_throttles)
            throttle = await throttles.find(who.tenant_id, key)
            work.after_commit(self._wake)
            await work.commit()
        return _to_proto(rows[key], throttle)


def _key(row: Row[Any]) -> tuple[str, str]:
    return row.station_id, row.transaction_id


def _to_proto(row: Row[Any], throttle: Row[Any] | None) -> pb.TransactionLimit:
    shown = None
    if throttle is not None:
        shown = pb.Throttle(
            state=throttle.state,
            charging_profile_id=throttle.profile_id or 0,
            attempts=throttle.attempts,
            problem=throttle.problem,
            update_time=to_timestamp(throttle.update_time),
        )
    return pb.TransactionLimit(
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        limit=Limit.of(row).to_proto(),
        prepaid=row.prepaid,
        state=row.state,
        reason=row.reason,
        reach_time=to_timestamp(row.reach_time),
        attempts=row.attempts,
        problem=row.problem,
        requested_by=row.set_by,
        throttle=shown,
        update_time=to_timestamp(row.update_time),
    )
