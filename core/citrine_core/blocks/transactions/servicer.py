"""TransactionsService: the gRPC face of functional block E."""

from datetime import timedelta
from typing import Any

import grpc

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1 import transactions_pb2_grpc
from citrine_core.blocks.tariff_and_cost import corrections_to_protos, parse_decimal
from citrine_core.blocks.transactions.lists import Looked, TransactionLists
from citrine_core.blocks.transactions.lists.queries import MOST_IDS
from citrine_core.blocks.transactions.protos import (
    action_to_proto,
    event_to_proto,
    transaction_to_proto,
    unmatched_to_proto,
)
from citrine_core.blocks.transactions.settlement import Operation, SettlementOperations, SettlementRepository
from citrine_core.blocks.transactions.token_hints import known_token_types
from citrine_core.blocks.transactions.unmatched import UnmatchedEndRepository
from citrine_core.db import Span, UnitOfWork
from citrine_core.errors import InvalidArgument, NotFound
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import Caller, caller, check_count, check_length, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["TransactionsServicer"]

LONGEST_REASON = 500
"""Longest reason of an operator, in characters."""


SETTLED_FOR = timedelta(seconds=60)
"""How long ago a transaction was settled that is listed by the time of it: longer than the commit can take."""


class TransactionsServicer(transactions_pb2_grpc.TransactionsServiceServicer):
    """Serves the transactions that stations reported, and operations on them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._operations = SettlementOperations(services)

    async def GetTransaction(
        self,
        request: pb.GetTransactionRequest,
        context: grpc.aio.ServicerContext[pb.GetTransactionRequest, pb.Transaction],
    ) -> pb.Transaction:
        if not request.transaction_id:
            raise InvalidArgument("transaction_id", "must not be empty")
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await TransactionLists(work.session).find(
                caller(context).tenant_id, request.transaction_id, station_id=request.station_id
            )
            known = await known_token_types(work.session, caller(context).tenant_id, rows)
        if not rows:
            raise NotFound("transaction", request.transaction_id)
        if len(rows) > 1:
            raise InvalidArgument("station_id", "must be given, because several stations reported this transaction")
        return transaction_to_proto(rows[0], known)

    async def ListTransactions(
        self,
        request: pb.ListTransactionsRequest,
        context: grpc.aio.ServicerContext[pb.ListTransactionsRequest, pb.ListTransactionsResponse],
    ) -> pb.ListTransactionsResponse:
        check_count("transaction_ids", request.transaction_ids, MOST_IDS)
        settled = span_of(request.settle_time)
        if settled.is_bounded:
            # What is committed late with an earlier time must not be missed by who goes on from the latest one.
            horizon = self._services.clock() - SETTLED_FOR
            settled = Span(settled.start, horizon if settled.end is None else min(settled.end, horizon))
        looked = Looked(
            station_id=request.station_id,
            stations=checked_selector(request.stations),
            evse_id=request.evse_id if request.HasField("evse_id") else None,
            active_only=request.active_only,
            charging_state=request.charging_state if request.HasField("charging_state") else None,
            unsettled_only=request.unsettled_only,
            id_token=request.id_token,
            group_id=request.group_id,
            reference=request.reference,
            started=span_of(request.start_time),
            settled=settled,
            prefix=request.transaction_id_prefix,
            # A repeated field is equal to no tuple, not even an empty one.
            transaction_ids=tuple(request.transaction_ids),
        )
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await TransactionLists(work.session).list(
                caller(context).tenant_id, open_page(request), looked
            )
            known = await known_token_types(work.session, caller(context).tenant_id, rows)
        transactions = [transaction_to_proto(row, known) for row in rows]
        return pb.ListTransactionsResponse(transactions=transactions, next_page_token=token)

    async def ListTransactionEvents(
        self,
        request: pb.ListTransactionEventsRequest,
        context: grpc.aio.ServicerContext[pb.ListTransactionEventsRequest, pb.ListTransactionEventsResponse],
    ) -> pb.ListTransactionEventsResponse:
        for field in ("station_id", "transaction_id"):
            if not getattr(request, field):
                raise InvalidArgument(field, "must not be empty")
        tenant_id = caller(context).tenant_id
        async with self._services.unit_of_work(read_only=True) as work:
            transactions = TransactionLists(work.session)
            rows, token = await transactions.list_events(
                tenant_id,
                open_page(request),
                request.station_id,
                request.transaction_id,
                newest_first=request.newest_first,
            )
            if not rows and not await transactions.find(
                tenant_id, request.transaction_id, station_id=request.station_id
            ):
                raise NotFound("transaction", request.transaction_id)
        events = [event_to_proto(row) for row in rows]
        if request.omit_meter_values:
            for event in events:
                event.request.ClearField("meter_value")
        return pb.ListTransactionEventsResponse(events=events, next_page_token=token)

    async def GetTransactionStatus(
        self,
        request: pb.GetTransactionStatusRequest,
        context: grpc.aio.ServicerContext[pb.GetTransactionStatusRequest, pb.GetTransactionStatusResponse],
    ) -> pb.GetTransactionStatusResponse:
        return await self._services.commands.call(context, request, pb.GetTransactionStatusResponse)

    async def CloseTransaction(
        self,
        request: pb.CloseTransactionRequest,
        context: grpc.aio.ServicerContext[pb.CloseTransactionRequest, pb.Transaction],
    ) -> pb.Transaction:
        operation = _operation(caller(context), request, "")
        async with self._services.unit_of_work() as work:
            await self._operations.close(work, operation)
            return await _done(work, operation)

    async def SettleTransaction(
        self,
        request: pb.SettleTransactionRequest,
        context: grpc.aio.ServicerContext[pb.SettleTransactionRequest, pb.Transaction],
    ) -> pb.Transaction:
        operation = _operation(caller(context), request, _reason(request.reason))
        async with self._services.unit_of_work() as work:
            await self._operations.settle(work, operation)
            return await _done(work, operation)

    async def ReopenTransaction(
        self,
        request: pb.ReopenTransactionRequest,
        context: grpc.aio.ServicerContext[pb.ReopenTransactionRequest, pb.Transaction],
    ) -> pb.Transaction:
        operation = _operation(caller(context), request, _reason(request.reason))
        async with self._services.unit_of_work() as work:
            await self._operations.reopen(work, operation)
            return await _done(work, operation)

    async def WaiveTransactionCost(
        self,
        request: pb.WaiveTransactionCostRequest,
        context: grpc.aio.ServicerContext[pb.WaiveTransactionCostRequest, cost_pb.CostCorrection],
    ) -> cost_pb.CostCorrection:
        operation = _operation(caller(context), request, _reason(request.reason))
        async with self._services.unit_of_work() as work:
            correction = await self._operations.waive(work, operation)
            [shown] = await corrections_to_protos(work, operation.tenant_id, [correction])
            await work.commit()
        return shown

    async def CreditTransactionCost(
        self,
        request: pb.CreditTransactionCostRequest,
        context: grpc.aio.ServicerContext[pb.CreditTransactionCostRequest, cost_pb.CostCorrection],
    ) -> cost_pb.CostCorrection:
        operation = _operation(caller(context), request, _reason(request.reason))
        amount = parse_decimal("amount", request.amount, places=3)
        if not amount:
            raise InvalidArgument("amount", "must be above 0")
        replaces = request.replaces if request.HasField("replaces") else None
        if replaces is not None and replaces < 0:
            raise InvalidArgument("replaces", "must not be negative")
        async with self._services.unit_of_work() as work:
            correction = await self._operations.credit(
                work, operation, amount, refunded=request.refunded, replaces=replaces
            )
            [shown] = await corrections_to_protos(work, operation.tenant_id, [correction])
            await work.commit()
        return shown

    async def RepriceTransaction(
        self,
        request: pb.RepriceTransactionRequest,
        context: grpc.aio.ServicerContext[pb.RepriceTransactionRequest, cost_pb.CostCorrection],
    ) -> cost_pb.CostCorrection:
        operation = _operation(caller(context), request, _reason(request.reason))
        if request.tariff_version and not request.tariff_id:
            raise InvalidArgument("tariff_version", "must come with tariff_id")
        async with self._services.unit_of_work() as work:
            correction = await self._operations.reprice(work, operation, request.tariff_id, request.tariff_version)
            [shown] = await corrections_to_protos(work, operation.tenant_id, [correction])
            await work.commit()
        return shown

    async def ConfirmReading(
        self,
        request: pb.ConfirmReadingRequest,
        context: grpc.aio.ServicerContext[pb.ConfirmReadingRequest, pb.Transaction],
    ) -> pb.Transaction:
        operation = _operation(caller(context), request, _reason(request.reason))
        async with self._services.unit_of_work() as work:
            await self._operations.confirm_reading(work, operation, request.register_wh)
            return await _done(work, operation)

    async def ListUnmatchedEnds(
        self,
        request: pb.ListUnmatchedEndsRequest,
        context: grpc.aio.ServicerContext[pb.ListUnmatchedEndsRequest, pb.ListUnmatchedEndsResponse],
    ) -> pb.ListUnmatchedEndsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await UnmatchedEndRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                received=span_of(request.receive_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListUnmatchedEndsResponse(ends=map(unmatched_to_proto, rows), next_page_token=token)

    async def ListSettlementActions(
        self,
        request: pb.ListSettlementActionsRequest,
        context: grpc.aio.ServicerContext[pb.ListSettlementActionsRequest, pb.ListSettlementActionsResponse],
    ) -> pb.ListSettlementActionsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await SettlementRepository(work.session).list_actions(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                transaction_id=request.transaction_id,
                kind=request.kind,
                author=request.requested_by,
                times=span_of(request.time),
            )
        return pb.ListSettlementActionsResponse(actions=[action_to_proto(row) for row in rows], next_page_token=token)


def _reason(reason: str) -> str:
    check_length("reason", reason, LONGEST_REASON, least=1)
    return reason


def _operation(who: Caller, request: Any, reason: str) -> Operation:
    """Return an operator's operation, checked."""
    station_id = required("station_id", request.station_id)
    transaction_id = required("transaction_id", request.transaction_id)
    return Operation(who.tenant_id, station_id, transaction_id, who.name[:255], reason)


async def _done(work: UnitOfWork, operation: Operation) -> pb.Transaction:
    rows = await TransactionLists(work.session).find(
        operation.tenant_id, operation.transaction_id, station_id=operation.station_id
    )
    await work.commit()
    return transaction_to_proto(rows[0])
