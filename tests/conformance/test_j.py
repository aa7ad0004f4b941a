"""Block J, Meter values: clock-aligned and sampled, in transactions and outside of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citrine.api.v1.diagnostics_pb2 import ListStationEventsRequest
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation
from tests.conformance.transactions import contexts_of, meter_value, samples_of, transaction_of, triggers_of

INTERVAL = timedelta(minutes=15)
"""<Configured clock-aligned Meter Values interval> and that of sampled ones."""

BEGIN = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)

SIGNED = {
    "signedMeterData": "c2lnbmVkIGRhdGE=",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "b2NhOjE2OkFCQw==",
}


@pytest.fixture
async def station(station: ConformanceStation) -> ConformanceStation:
    """The station of the case, booted."""
    await states.booted(station)
    return station


def at(number: int) -> str:
    """Return the time of an interval's end."""
    return (BEGIN + number * INTERVAL).isoformat().replace("+00:00", "Z")


def of_intervals(context: str, **more: Any) -> list[dict[str, Any]]:
    """Return the meterValue of an Ended event: one for each interval, and that of the end."""
    values = [meter_value(1000.0 + 500.0 * number, context, at(number), **more) for number in range(3)]
    return [*values, meter_value(3000.0, "Transaction.End", at(3), **more)]


async def clock_aligned(station: ConformanceStation, number: int, *evse_ids: int) -> None:
    """Tell the values of an interval outside of transactions, in both ways that there are."""
    for evse_id in evse_ids:
        values = [meter_value(100.0 * number, "Sample.Clock", at(number))]
        assert await station.call("MeterValues", {"evseId": evse_id, "meterValue": values}) == {}
    event = {
        "eventId": next(station.numbers),
        "timestamp": at(number),
        "trigger": "Periodic",
        "actualValue": f"{100 * number}",
        "component": {"name": "FiscalMetering"},
        "variable": {"name": "EnergyImport"},
        "eventNotificationType": "CustomMonitor",
    }
    payload = {"generatedAt": at(number), "seqNo": 0, "eventData": [event]}
    assert await station.call("NotifyEvent", payload) == {}


async def assert_values_of_intervals(station: ConformanceStation, api: Citrine, context: str) -> None:
    """Check that all values of the Ended event are there, and what they make of the transaction."""
    samples = await samples_of(station, api, transaction_id=station.transaction_id)
    assert contexts_of(samples) == [context, context, context, "Transaction.End"]
    assert [(sample.value, sample.unit) for sample in samples] == [
        (value, "Wh") for value in ("1000", "1500", "2000", "3000")
    ]
    found = await transaction_of(station, api)
    assert (found.meter_last_wh, found.energy_wh, found.HasField("end_time")) == (3000.0, 2000.0, True)


async def assert_signed(station: ConformanceStation, api: Citrine) -> None:
    """Check that signed data is kept whole."""
    samples = await samples_of(station, api, transaction_id=station.transaction_id, signed_only=True)
    assert len(samples) == 4
    for sample in samples:
        kept = sample.sampled_value.signed_meter_value
        assert (kept.signed_meter_data, kept.signing_method, kept.encoding_method, kept.public_key) == tuple(
            SIGNED[name] for name in ("signedMeterData", "signingMethod", "encodingMethod", "publicKey")
        )


async def test_TC_J_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Clock-aligned values come while nobody charges."""
    for number in range(3):
        await clock_aligned(station, number, 0, 1, 2)

    samples = await samples_of(station, api)
    assert [sample.evse_id for sample in samples].count(0) == 3
    assert set(contexts_of(samples)) == {"Sample.Clock"}
    assert len(samples) == 9
    request = ListStationEventsRequest(station_id=station.station_id, component="FiscalMetering")
    assert len((await api.diagnostics.ListStationEvents(request)).station_events) == 3


async def test_TC_J_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Clock-aligned values come while one EVSE charges."""
    await states.energy_transfer_started(station)

    for number in range(3):
        await clock_aligned(station, number, 0, 2)
        values = [meter_value(1000.0 + number, "Sample.Clock", at(number))]
        await states.transaction_event(station, "Updated", "MeterValueClock", meterValue=values)

    assert (await triggers_of(station, api))[-3:] == ["MeterValueClock"] * 3
    samples = await samples_of(station, api, transaction_id=station.transaction_id)
    assert contexts_of(samples) == ["Sample.Clock"] * 3
    assert (await transaction_of(station, api)).energy_wh == 2.0
    assert len(await samples_of(station, api)) == 9


async def test_TC_J_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The end of a transaction brings all clock-aligned values."""
    await states.energy_transfer_started(station)

    await states.ev_disconnected(station, meterValue=of_intervals("Sample.Clock"))

    await assert_values_of_intervals(station, api, "Sample.Clock")


async def test_TC_J_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The end of a transaction brings all clock-aligned values, signed."""
    await states.energy_transfer_started(station)

    await states.ev_disconnected(station, meterValue=of_intervals("Sample.Clock", signedMeterValue=SIGNED))

    await assert_values_of_intervals(station, api, "Sample.Clock")
    await assert_signed(station, api)


async def test_TC_J_07_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The beginning of a transaction brings the value that the meter shows at its EVSE."""
    await states.ev_connected_pre_session(station, meterValue=[meter_value(1000.0, "Transaction.Begin")])

    (sample,) = await samples_of(station, api, transaction_id=station.transaction_id)
    assert contexts_of([sample]) == ["Transaction.Begin"]
    assert sample.evse_id == station.evse_id
    assert (await transaction_of(station, api)).meter_start_wh == 1000.0


async def test_TC_J_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The value at the beginning comes once the EVSE is known."""
    await states.authorized(station)
    await states.ev_connected_pre_session(station, meterValue=[meter_value(1000.0, "Transaction.Begin")])
    await states.energy_transfer_started(station)

    (sample,) = await samples_of(station, api, transaction_id=station.transaction_id)
    assert contexts_of([sample]) == ["Transaction.Begin"]
    found = await transaction_of(station, api)
    assert (found.meter_start_wh, found.evse_id) == (1000.0, station.evse_id)


async def test_TC_J_09_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Sampled values come while energy flows."""
    await states.energy_transfer_started(station)

    for number in range(3):
        values = [meter_value(1000.0 + 250.0 * number, "Sample.Periodic", at(number))]
        await states.transaction_event(
            station, "Updated", "MeterValuePeriodic", timestamp=at(number), meterValue=values
        )

    assert (await triggers_of(station, api))[-3:] == ["MeterValuePeriodic"] * 3
    samples = await samples_of(station, api, transaction_id=station.transaction_id)
    assert contexts_of(samples) == ["Sample.Periodic"] * 3
    assert (await transaction_of(station, api)).energy_wh == 500.0


async def test_TC_J_10_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The end of a transaction brings all sampled values."""
    await states.energy_transfer_started(station)

    await states.ev_disconnected(station, meterValue=of_intervals("Sample.Periodic"))

    await assert_values_of_intervals(station, api, "Sample.Periodic")


async def test_TC_J_11_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The end of a transaction brings all sampled values, signed."""
    await states.energy_transfer_started(station)

    await states.ev_disconnected(station, meterValue=of_intervals("Sample.Periodic", signedMeterValue=SIGNED))

    await assert_values_of_intervals(station, api, "Sample.Periodic")
    await assert_signed(station, api)
