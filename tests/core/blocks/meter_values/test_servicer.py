"""MeterValues and ListSamples on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from sqlalchemy import select

from citrine.api.v1 import meter_values_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.meter_values_pb2_grpc import MeterValuesServiceStub
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest, MeterValuesResponse
from citrine.ocpp.v2.types_pb2 import (
    CustomData,
    LocationEnum,
    MeasurandEnum,
    MeterValue,
    PhaseEnum,
    ReadingContextEnum,
    SampledValue,
    SignedMeterValue,
)
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
    assert await values(measurand="SoC", time=TimeRange(start=at(1), end=at(3))) == [51.0, 52.0]
    assert await values(transaction_id="T-1") == []


async def test_samples_are_found_by_what_they_are_and_shown_in_one_unit(
    station: FakeSession, api: "MeterValuesServiceAsyncStub"
) -> None:
    """J01: every measurand with its context, phase, location, unit and multiplier; what is left out is the default."""
    values = [
        sampled(1.005, unit="kWh"),
        sampled(23.1, "VOLTAGE", unit="V", multiplier=1, phase="L1_N", context="SAMPLE_CLOCK"),
        sampled(16.0, "CURRENT_IMPORT", phase="L2", context="TRIGGER"),
        sampled(7.2, "POWER_ACTIVE_IMPORT", unit="kW", context="SAMPLE_PERIODIC"),
    ]
    values[3].location = LocationEnum.LOCATION_ENUM_INLET
    await station.call(started(0, *values, evse=(1, 2)))

    async def found(**fields: Any) -> list[tuple[str, str]]:
        response = await api.ListSamples(pb.ListSamplesRequest(station_id="CS-1", **fields))
        return [(sample.value, sample.unit) for sample in response.samples]

    assert await found() == [("1005", "Wh"), ("231", "V"), ("16", "A"), ("7200", "W")]
    assert await found(newest_first=True) == [("7200", "W"), ("16", "A"), ("231", "V"), ("1005", "Wh")]
    assert await found(context=ReadingContextEnum.READING_CONTEXT_ENUM_SAMPLE_PERIODIC) == [
        ("1005", "Wh"),
        ("7200", "W"),
    ]
    assert await found(context=ReadingContextEnum.READING_CONTEXT_ENUM_SAMPLE_CLOCK) == [("231", "V")]
    assert await found(phase=PhaseEnum.PHASE_ENUM_L2) == [("16", "A")]
    assert await found(location=LocationEnum.LOCATION_ENUM_INLET) == [("7200", "W")]
    assert await found(location=LocationEnum.LOCATION_ENUM_OUTLET, measurand="current.import") == [("16", "A")]
    assert await found(connector_id=1) == []


async def test_what_was_signed_and_customData_are_kept_whole(
    station: FakeSession, api: "MeterValuesServiceAsyncStub"
) -> None:
    """J01.FR.21, J02.FR.21"""
    value = signed(5.0)
    value.signed_meter_value.signing_method = "ECDSA-secp256r1-SHA256"
    value.signed_meter_value.public_key = "b2RkLWtleQ=="
    values = MeterValue(timestamp=at(5), sampled_value=[value, sampled(1.0)])
    custom_data = values.custom_data
    custom_data.vendor_id = "com.example"
    custom_data.data.update({"meter": [1, None]})
    request = MeterValuesRequest(evse_id=1, meter_value=[values], custom_data=CustomData(vendor_id="com.message"))
    event = ended(3, signed(1500.0), 7.0, evse=(1, 1), meter_values=[values])

    await station.call(request)
    await station.call(event)

    listed = (await api.ListSamples(pb.ListSamplesRequest(station_id="CS-1", signed_only=True))).samples
    found = sorted((sample.transaction_id, sample.sampled_value.value) for sample in listed)
    assert found == [("", 5.0), ("T-1", 5.0), ("T-1", 1500.0)]
    assert [sample.sampled_value for sample in listed].count(value) == 2
    everything = (await api.ListSamples(pb.ListSamplesRequest(station_id="CS-1"))).samples
    assert len(everything) == 6
    assert [sample.meter_value_custom_data for sample in everything].count(custom_data) == 4
    assert [sample.request_custom_data.vendor_id for sample in everything].count("com.message") == 2


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        pytest.param({}, "station_id", id="no station"),
        pytest.param({"station_id": "CS-1", "measurand": "Soz"}, "measurand", id="no measurand of OCPP"),
    ],
)
async def test_wrong_requests_name_the_field(
    api: "MeterValuesServiceAsyncStub", request_fields: dict[str, str], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.ListSamples(pb.ListSamplesRequest(**request_fields))  # type: ignore[arg-type]

    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field in str(error.value.details())
