"""MeterValuesService: the gRPC face of functional block J."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import grpc
from sqlalchemy import Row

from citrine.api.v1 import meter_values_pb2 as pb
from citrine.api.v1 import meter_values_pb2_grpc
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import MeasurandEnum, MeterValue, SampledValue
from citrine_core.blocks.meter_values.readings import IN_EVENT, SIGNED_IN_EVENT
from citrine_core.blocks.meter_values.repository import EventKey, SampleRepository
from citrine_core.blocks.meter_values.sampled_values import message_of
from citrine_core.blocks.meter_values.units import normalized
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import caller, open_page, required, to_timestamp
from citrine_core.services import Services

__all__ = ["MeterValuesServicer"]


class MeterValuesServicer(meter_values_pb2_grpc.MeterValuesServiceServicer):
    """Serves the samples that stations reported."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ListSamples(
        self,
        request: pb.ListSamplesRequest,
        context: grpc.aio.ServicerContext[pb.ListSamplesRequest, pb.ListSamplesResponse],
    ) -> pb.ListSamplesResponse:
        tenant_id = caller(context).tenant_id
        filters = _filters(request)
        async with self._services.unit_of_work(read_only=True) as work:
            samples = SampleRepository(work.session)
            rows, token = await samples.list(tenant_id, open_page(request), request.station_id, **filters)
            wanted = {_event_of(row) for row in rows if row.extra in (IN_EVENT, SIGNED_IN_EVENT)}
            events = await samples.find_events(tenant_id, request.station_id, wanted) if wanted else {}
        return pb.ListSamplesResponse(samples=_to_proto(rows, events), next_page_token=token)


def _filters(request: pb.ListSamplesRequest) -> dict[str, Any]:
    required("station_id", request.station_id)
    measurand = number_of(MeasurandEnum, request.measurand) if request.measurand else None
    if request.measurand and measurand is None:
        raise InvalidArgument("measurand", "is not a measurand of OCPP")
    period = request.time
    return {
        "transaction_id": request.transaction_id or None,
        "evse_id": request.evse_id if request.HasField("evse_id") else None,
        "connector_id": request.connector_id if request.HasField("connector_id") else None,
        "start": period.start.ToDatetime(UTC) if period.HasField("start") else None,
        "end": period.end.ToDatetime(UTC) if period.HasField("end") else None,
        "measurand": measurand,
        "context": request.context or None,
        "phase": request.phase or None,
        "location": request.location or None,
        "signed_only": request.signed_only,
        "newest_first": request.newest_first,
    }


def _event_of(row: Row[Any]) -> EventKey:
    return (row.transaction_id, row.seq_no, row.digest)


def _to_proto(rows: Sequence[Row[Any]], events: Mapping[EventKey, bytes]) -> list[pb.Sample]:
    # The sampled values of each event in the order of `position`, each with its meterValue.
    whole = {
        key: [
            (meter_value, sampled)
            for meter_value in TransactionEventRequest.FromString(request).meter_value
            for sampled in meter_value.sampled_value
        ]
        for key, request in events.items()
    }
    samples = []
    for row in rows:
        value, unit = normalized(row.value, row.measurand, row.unit, row.multiplier)
        sample = pb.Sample(
            station_id=row.station_id,
            evse_id=row.evse_id,
            connector_id=row.connector_id,
            transaction_id=row.transaction_id or "",
            time=to_timestamp(row.sample_time),
            value=value,
            unit=unit,
        )
        _put_sampled_value(sample, row, whole)
        samples.append(sample)
    return samples


def _put_sampled_value(
    sample: pb.Sample, row: Row[Any], whole: Mapping[EventKey, Sequence[tuple[MeterValue, SampledValue]]]
) -> None:
    if row.extra in (IN_EVENT, SIGNED_IN_EVENT) and _event_of(row) in whole:
        meter_value, sampled = whole[_event_of(row)][row.position]
    else:
        request = message_of(row)
        meter_value = request.meter_value[0]
        sampled = meter_value.sampled_value[0]
        if request.HasField("custom_data"):
            sample.request_custom_data.CopyFrom(request.custom_data)
    sample.sampled_value.CopyFrom(sampled)
    # The measurand is set even if the station relied on the default.
    sample.sampled_value.measurand = row.measurand
    if meter_value.HasField("custom_data"):
        sample.meter_value_custom_data.CopyFrom(meter_value.custom_data)
