"""MeterValues and ListSamples on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest
from sqlalchemy import select

from citrine.api.v1 import meter_values_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.meter_values_pb2_grpc import MeterValuesServiceStub
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest, MeterValuesResponse
from citrine.ocpp.v2.types_pb2 import MeasurandEnum, SampledValue, SignedMeterValue
from citrine_core.events import OutboxEvent
from tests.support.charging import at, ended, meter_value, sampled, started
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.meter_values_pb2_grpc import MeterValuesServiceAsyncStub


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield await edge.connect("CS-1", PASSWORD)


@pytest.fixture
def api(core: RunningCore) -> "MeterValuesServiceAsyncStub":
    return core.stub(MeterValuesServiceStub)


def signed(value: float) -> SampledValue:
    found = sampled(value, context="TRANSACTION_END", unit="Wh")
    found.measurand = MeasurandEnum.MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_REGISTER
    found.signed_meter_value.CopyFrom(SignedMeterValue(signed_meter_data="c2lnbmVk", encoding_method="OCMF"))
    return found


async def test_J01_samples_outside_of_transactions(station: FakeSession, api: "MeterValuesServiceAsyncStub") -> None:
    plain = sampled(230.25, "VOLTAGE", unit="V", multiplier=0, phase="L1_N", context="SAMPLE_CLOCK")

    answer = await station.call(MeterValuesRequest(evse_id=0, meter_value=[meter_value(1, plain, signed(5.0))]))

    assert answer == MeterValuesResponse()
    samples = (await api.ListSamples(pb.ListSamplesRequest(station_id="CS-1"))).samples
    assert [sample.sampled_value for sample in samples] == [plain, signed(5.0)]
    assert [(sample.evse_id, sample.transaction_id, sample.time) for sample in samples] == [(0, "", at(1))] * 2


async def test_a_repeated_message_has_no_second_effect(
    core: RunningCore, station: FakeSession, api: "MeterValuesServiceAsyncStub"
) -> None:
    request = MeterValuesRequest(evse_id=1, meter_value=[meter_value(1, 5.0)])

    await station.call(request, message_id="1")
    await station.call(request, message_id="2")

    assert len((await api.ListSamples(pb.ListSamplesRequest(station_id="CS-1"))).samples) == 1
    async with core.core.unit_of_work(read_only=True) as work:
        kinds = (await work.session.scalars(select(OutboxEvent.kind))).all()
    assert kinds.count("meter_values_received") == 1


async def test_samples_of_transactions_come_with_what_was_signed(
    station: FakeSession, api: "MeterValuesServiceAsyncStub"
) -> None:
    await station.call_all([started(0, 1000.0, evse=(2, 1)), ended(3, signed(1500.0), evse=(2, 1))])
    await station.call(MeterValuesRequest(evse_id=2, meter_value=[meter_value(1, 7.0)]))

    response = await api.ListSamples(pb.ListSamplesRequest(station_id="CS-1", transaction_id="T-1"))

    assert [sample.sampled_value.value for sample in response.samples] == [1000.0, 1500.0]
    assert response.samples[1].sampled_value == signed(1500.0)
    assert {(sample.transaction_id, sample.evse_id) for sample in response.samples} == {("T-1", 2)}


async def test_samples_are_listed_by_page_and_filter(station: FakeSession, api: "MeterValuesServiceAsyncStub") -> None:
    for minute in range(4):
        taken = meter_value(minute, float(minute), sampled(50.0 + minute, "SOC"), sampled(1.0, "VOLTAGE"))
        await station.call(MeterValuesRequest(evse_id=1 + minute % 2, meter_value=[taken]))

    async def values(**fields: object) -> list[float]:
        found: list[float] = []
        request = pb.ListSamplesRequest(station_id="CS-1", page_size=2, **fields)  # type: ignore[arg-type]
        while True:
            response = await api.ListSamples(request)
            found += [sample.sampled_value.value for sample in response.samples]
            if not response.next_page_token:
                return found
            request.page_token = response.next_page_token

    assert await values() == [0.0, 50.0, 1.0, 1.0, 51.0, 1.0, 2.0, 52.0, 1.0, 3.0, 53.0, 1.0]
    assert await values(measurand="SoC") == [50.0, 51.0, 52.0, 53.0]
    assert await values(measurand="SoC", evse_id=2) == [51.0, 53.0]
    assert await values(measurand="SoC", taken=TimeRange(start=at(1), end=at(3))) == [51.0, 52.0]
    assert await values(transaction_id="T-1") == []


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        pytest.param({}, "station_id", id="no station"),
        pytest.param({"station_id": "CS-1", "measurand": "Soc"}, "measurand", id="no measurand of OCPP"),
    ],
)
async def test_wrong_requests_name_the_field(
    api: "MeterValuesServiceAsyncStub", request_fields: dict[str, str], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.ListSamples(pb.ListSamplesRequest(**request_fields))  # type: ignore[arg-type]

    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field in str(error.value.details())
