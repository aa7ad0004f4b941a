"""MeterValuesService: the gRPC face of functional block J."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import grpc
from sqlalchemy import Row

from citrine.api.v1 import meter_values_pb2 as pb
from citrine.api.v1 import meter_values_pb2_grpc
from citrine.ocpp.v2 import options_pb2
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import MeasurandEnum, SampledValue, UnitOfMeasure
from citrine_core.blocks.meter_values.repository import EventKey, SampleRepository
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import caller, open_page
from citrine_core.services import Services

__all__ = ["MeterValuesServicer"]

_MEASURANDS: Mapping[str, int] = {
    value.GetOptions().Extensions[options_pb2.spelling]: value.number for value in MeasurandEnum.DESCRIPTOR.values
}


class MeterValuesServicer(meter_values_pb2_grpc.MeterValuesServiceServicer):
    """What stations measured."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ListSamples(
        self,
        request: pb.ListSamplesRequest,
        context: grpc.aio.ServicerContext[pb.ListSamplesRequest, pb.ListSamplesResponse],
    ) -> pb.ListSamplesResponse:
        page, tenant_id = open_page(request), caller(context).tenant_id
        filters = _filters(request)
        async with self._services.unit_of_work(read_only=True) as work:
            samples = SampleRepository(work.session)
            rows = await samples.list(tenant_id, request.station_id, after=page.after, limit=page.size + 1, **filters)
            shown, token = page.close(rows, lambda row: (row.sample_time, row.digest, row.position))
            wanted = {_event_of(row) for row in shown if row.extra == b""}
            events = await samples.find_events(tenant_id, request.station_id, wanted) if wanted else {}
        return pb.ListSamplesResponse(samples=_to_proto(shown, events), next_page_token=token)


def _filters(request: pb.ListSamplesRequest) -> dict[str, Any]:
    if not request.station_id:
        raise InvalidArgument("station_id", "must not be empty")
    if request.measurand and request.measurand not in _MEASURANDS:
        raise InvalidArgument("measurand", "is not a measurand of OCPP")
    taken = request.taken
    return {
        "transaction_id": request.transaction_id or None,
        "evse_id": request.evse_id if request.HasField("evse_id") else None,
        "start": taken.start.ToDatetime(UTC) if taken.HasField("start") else None,
        "end": taken.end.ToDatetime(UTC) if taken.HasField("end") else None,
        "measurand": _MEASURANDS[request.measurand] if request.measurand else None,
    }


def _event_of(row: Row[Any]) -> EventKey:
    return (row.transaction_id, row.seq_no, row.digest)


def _to_proto(rows: Sequence[Row[Any]], events: Mapping[EventKey, bytes]) -> list[pb.Sample]:
    # Of each event that is needed, the sampled values in the order of `position`.
    sampled_of = {
        key: [
            sampled
            for meter_value in TransactionEventRequest.FromString(request).meter_value
            for sampled in meter_value.sampled_value
        ]
        for key, request in events.items()
    }
    samples = []
    for row in rows:
        sample = pb.Sample(
            station_id=row.station_id,
            evse_id=row.evse_id,
            transaction_id=row.transaction_id or "",
            sampled_value=_sampled_value(row, sampled_of),
        )
        sample.time.FromDatetime(row.sample_time)
        samples.append(sample)
    return samples


def _sampled_value(row: Row[Any], sampled_of: Mapping[EventKey, Sequence[SampledValue]]) -> SampledValue:
    if row.extra:
        return SampledValue.FromString(row.extra)
    if row.extra == b"" and _event_of(row) in sampled_of:
        position: int = row.position
        return sampled_of[_event_of(row)][position]
    sampled = SampledValue(
        value=row.value, measurand=row.measurand, context=row.context, phase=row.phase, location=row.location
    )
    if row.unit is not None or row.multiplier is not None:
        sampled.unit_of_measure.CopyFrom(UnitOfMeasure(unit=row.unit, multiplier=row.multiplier))
    return sampled
