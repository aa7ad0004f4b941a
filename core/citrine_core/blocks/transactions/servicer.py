"""TransactionsService: the gRPC face of functional block E."""

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import Row

from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1 import transactions_pb2_grpc
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest, TransactionEventResponse
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.transactions.checks import close_transactions
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.blocks.transactions.token_hints import known_token_types
from citrine_core.errors import FailedPrecondition, InvalidArgument, NotFound
from citrine_core.rpc import caller, open_page, required, to_duration
from citrine_core.services import Services

__all__ = ["TransactionsServicer"]


class TransactionsServicer(transactions_pb2_grpc.TransactionsServiceServicer):
    """What stations reported of transactions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def GetTransaction(
        self,
        request: pb.GetTransactionRequest,
        context: grpc.aio.ServicerContext[pb.GetTransactionRequest, pb.Transaction],
    ) -> pb.Transaction:
        if not request.transaction_id:
            raise InvalidArgument("transaction_id", "must not be empty")
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await TransactionRepository(work.session).find(
                caller(context).tenant_id, request.transaction_id, station_id=request.station_id
            )
            known = await known_token_types(work.session, caller(context).tenant_id, rows)
        if not rows:
            raise NotFound("transaction", request.transaction_id)
        if len(rows) > 1:
            raise InvalidArgument("station_id", "must be given, because several stations reported this transaction")
        return _to_proto(rows[0], known)

    async def ListTransactions(
        self,
        request: pb.ListTransactionsRequest,
        context: grpc.aio.ServicerContext[pb.ListTransactionsRequest, pb.ListTransactionsResponse],
    ) -> pb.ListTransactionsResponse:
        page, started = open_page(request), request.started
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await TransactionRepository(work.session).list(
                caller(context).tenant_id,
                station_id=request.station_id,
                active_only=request.active_only,
                start=started.start.ToDatetime(UTC) if started.HasField("start") else None,
                end=started.end.ToDatetime(UTC) if started.HasField("end") else None,
                id_token=request.id_token,
                after=page.after,
                limit=page.size + 1,
            )
            known = await known_token_types(work.session, caller(context).tenant_id, rows)
        shown, token = page.close(rows, lambda row: (row.sequence, row.station_id, row.transaction_id))
        return pb.ListTransactionsResponse(transactions=[_to_proto(row, known) for row in shown], next_page_token=token)

    async def ListTransactionEvents(
        self,
        request: pb.ListTransactionEventsRequest,
        context: grpc.aio.ServicerContext[pb.ListTransactionEventsRequest, pb.ListTransactionEventsResponse],
    ) -> pb.ListTransactionEventsResponse:
        for field in ("station_id", "transaction_id"):
            if not getattr(request, field):
                raise InvalidArgument(field, "must not be empty")
        page, tenant_id = open_page(request), caller(context).tenant_id
        async with self._services.unit_of_work(read_only=True) as work:
            transactions = TransactionRepository(work.session)
            rows = await transactions.list_events(
                tenant_id, request.station_id, request.transaction_id, after=page.after, limit=page.size + 1
            )
            if not rows and not await transactions.find(
                tenant_id, request.transaction_id, station_id=request.station_id
            ):
                raise NotFound("transaction", request.transaction_id)
        shown, token = page.close(rows, lambda row: (row.seq_no, row.event_time, row.digest))
        return pb.ListTransactionEventsResponse(events=[_event_to_proto(row) for row in shown], next_page_token=token)

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
        tenant_id, now = caller(context).tenant_id, self._services.clock()
        station_id = required("station_id", request.station_id)
        transaction_id = required("transaction_id", request.transaction_id)
        async with self._services.unit_of_work() as work:
            count = await close_transactions(work, tenant_id, station_id, now, transaction_id=transaction_id)
            rows = await TransactionRepository(work.session).find(tenant_id, transaction_id, station_id=station_id)
            if not rows:
                raise NotFound("transaction", transaction_id)
            if not count:
                raise FailedPrecondition("the transaction is not open")
            await work.commit()
        return _to_proto(rows[0])


def _to_proto(row: Row[Any], known_types: Mapping[str, Sequence[str]] = MappingProxyType({})) -> pb.Transaction:
    return pb.Transaction(
        transaction_id=row.transaction_id,
        station_id=row.station_id,
        tenant_id=row.tenant_id,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        id_token=_id_token(row.id_token, row.id_token_type),
        charging_state=row.charging_state,
        energy_wh=row.energy_wh,
        meter_start_wh=row.meter_start_wh,
        meter_last_wh=row.meter_last_wh,
        power_w=row.power_w,
        soc_percent=row.soc_percent,
        start_time=row.start_time,
        end_time=row.end_time,
        stopped_reason=row.stopped_reason,
        remote_start_id=row.remote_start_id,
        reservation_id=row.reservation_id,
        events=row.events,
        last_seq_no=row.last_seq_no,
        has_gap=row.seq_nos <= row.last_seq_no - row.first_seq_no,
        missing_events=row.last_seq_no - row.first_seq_no + 1 - row.seq_nos + (row.start_time is None),
        offline=row.offline,
        update_time=row.update_time,
        orphaned=row.orphaned and row.end_time is None and row.closed_time is None,
        total_cost=row.total_cost,
        closed_time=row.closed_time,
        check=_check_to_proto(row),
        start_trigger=row.start_trigger,
        end_trigger=row.end_trigger,
        time_spent_charging=None if row.time_spent_charging is None else Duration(seconds=row.time_spent_charging),
        number_of_phases_used=row.number_of_phases_used,
        cable_max_current=row.cable_max_current,
        stop_id_token=_id_token(row.stop_id_token, row.stop_id_token_type),
        clock_skew=None if row.clock_skew_ms is None else to_duration(timedelta(milliseconds=row.clock_skew_ms)),
        known_token_types=known_types.get(row.id_token or "", ()),
    )


def _id_token(id_token: str | None, type_name: str | None) -> IdToken | None:
    return None if id_token is None else IdToken(id_token=id_token, type=type_name or "")


def _check_to_proto(row: Row[Any]) -> pb.TransactionCheck | None:
    if row.check_reason is None:
        return None
    return pb.TransactionCheck(
        reason=row.check_reason,
        asks=row.check_asks,
        ask_time=row.check_ask_time,
        due_time=row.check_due_time,
        answer_time=row.check_answer_time,
        ongoing=row.check_ongoing,
        messages_in_queue=row.check_messages_in_queue,
        problem=row.check_problem,
    )


def _event_to_proto(row: Row[Any]) -> pb.TransactionEvent:
    request = TransactionEventRequest.FromString(row.request)
    if row.offline is not None:
        request.offline = row.offline
    return pb.TransactionEvent(
        request=request,
        response=TransactionEventResponse.FromString(row.response),
        receive_time=row.receive_time,
    )
