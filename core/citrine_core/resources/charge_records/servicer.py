"""ChargeRecordsService: what is billed of transactions, and which of them are not settled."""

from datetime import datetime

import grpc

from citrine.api.v1 import charge_records_pb2 as pb
from citrine.api.v1 import charge_records_pb2_grpc
from citrine.api.v1.common_pb2 import TimeRange
from citrine_core.blocks.transactions.queries import list_unsettled
from citrine_core.errors import InvalidArgument
from citrine_core.resources.charge_records.repository import ChargeRecordRepository, Filter
from citrine_core.resources.charge_records.unsettled import unsettled_to_proto
from citrine_core.resources.stations.selection import check_selector
from citrine_core.rpc import caller, open_page, span_of, time_or_none
from citrine_core.services import Services

__all__ = ["ChargeRecordsServicer"]


class ChargeRecordsServicer(charge_records_pb2_grpc.ChargeRecordsServiceServicer):
    """Serves charge records."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work

    async def GetChargeRecord(
        self,
        request: pb.GetChargeRecordRequest,
        context: grpc.aio.ServicerContext[pb.GetChargeRecordRequest, pb.ChargeRecord],
    ) -> pb.ChargeRecord:
        by_transaction = bool(request.station_id or request.transaction_id)
        if bool(request.record_id) == by_transaction:
            raise InvalidArgument("record_id", "must be given, or else station_id and transaction_id")
        for field in ("station_id", "transaction_id"):
            if by_transaction and not getattr(request, field):
                raise InvalidArgument(field, "must not be empty")
        if request.revision < 0:
            raise InvalidArgument("revision", "must not be negative")
        async with self._unit_of_work(read_only=True) as work:
            content = await ChargeRecordRepository(work.session).get(
                caller(context).tenant_id,
                record_id=request.record_id,
                station_id=request.station_id,
                transaction_id=request.transaction_id,
                revision=request.revision,
            )
        return pb.ChargeRecord.FromString(content)

    async def ListChargeRecords(
        self,
        request: pb.ListChargeRecordsRequest,
        context: grpc.aio.ServicerContext[pb.ListChargeRecordsRequest, pb.ListChargeRecordsResponse],
    ) -> pb.ListChargeRecordsResponse:
        wanted, page = _filter(request), open_page(request)
        async with self._unit_of_work(read_only=True) as work:
            contents, token = await ChargeRecordRepository(work.session).list(caller(context).tenant_id, page, wanted)
        return pb.ListChargeRecordsResponse(records=map(pb.ChargeRecord.FromString, contents), next_page_token=token)

    async def ListUnsettledTransactions(
        self,
        request: pb.ListUnsettledTransactionsRequest,
        context: grpc.aio.ServicerContext[pb.ListUnsettledTransactionsRequest, pb.ListUnsettledTransactionsResponse],
    ) -> pb.ListUnsettledTransactionsResponse:
        check_selector("stations", request.stations)
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await list_unsettled(
                work.session,
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                over_only=request.over_only,
                started=span_of(request.start_time),
                stations=request.stations,
            )
        return pb.ListUnsettledTransactionsResponse(transactions=map(unsettled_to_proto, rows), next_page_token=token)


def _filter(request: pb.ListChargeRecordsRequest) -> Filter:
    check_selector("stations", request.stations)
    after = request.after_change if request.HasField("after_change") else None
    if after is not None and after < 0:
        raise InvalidArgument("after_change", "must not be negative")
    if after is not None and request.HasField("end_time"):
        raise InvalidArgument("end_time", "must not be given with after_change: it has another order")
    created_from, created_to = _bounds(request.create_time)
    ended_from, ended_to = _bounds(request.end_time)
    return Filter(
        after,
        created_from,
        created_to,
        ended_from,
        ended_to,
        request.station_id,
        request.transaction_id,
        request.id_token,
        request.record_id,
        request.latest_only,
        request.stations,
        reference=request.reference,
        by_end=request.HasField("end_time"),
    )


def _bounds(times: TimeRange) -> tuple[datetime | None, datetime | None]:
    return (
        time_or_none(times.start, is_set=times.HasField("start")),
        time_or_none(times.end, is_set=times.HasField("end")),
    )
