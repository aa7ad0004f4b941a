"""Block E, Transactions: the points at which stations start them."""

import pytest

from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.transactions_pb2 import TriggerReasonEnum
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation
from tests.conformance.transactions import meter_value, samples_of, state_of, transaction_of, triggers_of


@pytest.fixture
async def station(station: ConformanceStation) -> ConformanceStation:
    """The station of the case, booted."""
    await states.booted(station)
    return station


async def authorize(station: ConformanceStation) -> None:
    """Ask whether the driver may charge."""
    answer = await station.call("Authorize", {"idToken": station.id_token})
    assert answer["idTokenInfo"]["status"] == "Accepted"


async def assert_started(station: ConformanceStation, api: Citrine, trigger: str) -> None:
    """Check what the API shows of a transaction that has begun, and by what."""
    found = await transaction_of(station, api)
    assert found.HasField("start_time")
    assert not found.HasField("end_time")
    assert spelling_of(TriggerReasonEnum, found.start_trigger) == trigger
    assert found.missing_events == 0


async def test_TC_E_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction starts when the power path is closed."""
    await authorize(station)
    await states.connector_status(station, "Occupied")
    answer = await states.transaction_event(
        station,
        "Started",
        "ChargingStateChanged",
        with_evse=True,
        idToken=station.id_token,
        chargingState="SuspendedEVSE",
    )
    await states.transaction_event(station, "Updated", "ChargingStateChanged", chargingState="Charging")

    assert answer["idTokenInfo"]["status"] == "Accepted"
    await assert_started(station, api, "ChargingStateChanged")
    found = await transaction_of(station, api)
    assert (found.id_token.id_token, found.evse_id, found.connector_id) == (station.id_token["idToken"], 1, 1)
    assert state_of(found) == "Charging"


async def test_TC_E_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction starts when energy flows."""
    await authorize(station)
    await states.connector_status(station, "Occupied")
    answer = await states.transaction_event(
        station, "Started", "ChargingStateChanged", with_evse=True, idToken=station.id_token, chargingState="Charging"
    )

    assert answer["idTokenInfo"]["status"] == "Accepted"
    await assert_started(station, api, "ChargingStateChanged")
    assert state_of(await transaction_of(station, api)) == "Charging"


async def test_TC_E_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver plugs in first and is authorized then."""
    await states.ev_connected_pre_session(station)

    await states.authorized(station)
    await states.energy_transfer_started(station)

    await assert_started(station, api, "CablePluggedIn")
    assert await triggers_of(station, api) == ["CablePluggedIn", "Authorized", "ChargingStateChanged"]
    found = await transaction_of(station, api)
    assert (found.id_token.id_token, found.evse_id) == (station.id_token["idToken"], station.evse_id)


async def test_TC_E_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver is authorized first and plugs in then."""
    await states.authorized(station)
    await states.energy_transfer_started(station)

    await assert_started(station, api, "Authorized")
    assert await triggers_of(station, api) == ["Authorized", "CablePluggedIn", "ChargingStateChanged"]
    found = await transaction_of(station, api)
    assert (found.id_token.id_token, found.evse_id) == (station.id_token["idToken"], station.evse_id)


async def test_TC_E_09_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction starts when EV and EVSE are connected."""
    await states.connector_status(station, "Occupied")
    await states.transaction_event(station, "Started", "CablePluggedIn", with_evse=True, chargingState="EVConnected")

    await assert_started(station, api, "CablePluggedIn")
    assert state_of(await transaction_of(station, api)) == "EVConnected"


async def test_TC_E_10_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction starts when the driver is authorized at the station."""
    await authorize(station)
    answer = await states.transaction_event(station, "Started", "Authorized", idToken=station.id_token)

    assert answer["idTokenInfo"]["status"] == "Accepted"
    await assert_started(station, api, "Authorized")
    assert not (await transaction_of(station, api)).HasField("evse_id")


async def test_TC_E_11_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction starts when the meter gave signed data."""
    signed = {"signedMeterData": "c2lnbmVk", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "a2V5"}
    await authorize(station)
    await states.connector_status(station, "Occupied")
    answer = await states.transaction_event(
        station,
        "Started",
        "SignedDataReceived",
        with_evse=True,
        idToken=station.id_token,
        meterValue=[meter_value(0.0, "Transaction.Begin", signedMeterValue=signed)],
    )
    await states.transaction_event(station, "Updated", "ChargingStateChanged", chargingState="Charging")

    assert answer["idTokenInfo"]["status"] == "Accepted"
    await assert_started(station, api, "SignedDataReceived")
    (sample,) = await samples_of(station, api, signed_only=True)
    kept = sample.sampled_value.signed_meter_value
    assert (kept.signed_meter_data, kept.signing_method, kept.encoding_method, kept.public_key) == (
        "c2lnbmVk",
        "ECDSA",
        "OCMF",
        "a2V5",
    )


async def test_TC_E_12_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction starts when an EV stands in the parking bay."""
    await states.transaction_event(station, "Started", "EVDetected")

    await assert_started(station, api, "EVDetected")


async def test_TC_E_38_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EV that is plugged in is not ready to take energy yet."""
    await states.authorized(station)

    await states.ev_connected_pre_session(station)
    await states.transaction_event(station, "Updated", "ChargingStateChanged", chargingState="SuspendedEV")

    await assert_started(station, api, "Authorized")
    assert state_of(await transaction_of(station, api)) == "SuspendedEV"


async def test_TC_E_53_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Each new transaction starts with sequence number 0 again."""
    await states.energy_transfer_started(station)
    first = station.transaction_id
    await states.ev_disconnected(station)
    await states.energy_transfer_started(station)
    await states.ev_disconnected(station)

    for transaction_id in (first, station.transaction_id):
        found = await transaction_of(station, api, transaction_id)
        assert (found.HasField("end_time"), found.missing_events) == (True, 0)
    assert first != station.transaction_id
