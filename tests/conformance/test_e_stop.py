"""Block E, Transactions: the points at which stations stop them."""

import pytest

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import RequestStopTransactionRequest
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation
from tests.conformance.transactions import end_of, state_of, transaction_of, triggers_of


@pytest.fixture
async def station(station: ConformanceStation) -> ConformanceStation:
    """The station of the case, booted."""
    await states.booted(station)
    return station


async def test_TC_E_07_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops when the driver opens the power path at the station."""
    await states.energy_transfer_started(station)

    await states.transaction_event(station, "Ended", "StopAuthorized", stoppedReason="Local")

    assert end_of(await transaction_of(station, api)) == ("StopAuthorized", "Local")


async def test_TC_E_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops when energy no longer flows after the driver stopped."""
    await states.stop_authorized(station)

    await states.transaction_event(
        station, "Ended", "ChargingStateChanged", chargingState="EVConnected", stoppedReason="Local"
    )

    found = await transaction_of(station, api)
    assert end_of(found) == ("ChargingStateChanged", "Local")
    assert state_of(found) == "EVConnected"
    assert found.stop_id_token.id_token == station.id_token["idToken"]


async def test_TC_E_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops when the cable is unplugged at the station."""
    await states.ev_connected_post_session(station)

    await states.ev_disconnected(station)

    found = await transaction_of(station, api)
    assert end_of(found) == ("EVCommunicationLost", "EVDisconnected")
    assert state_of(found) == "Idle"


async def test_TC_E_15_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops when the driver is authorized to stop it at the station."""
    await states.energy_transfer_started(station)

    await states.transaction_event(station, "Ended", "StopAuthorized", stoppedReason="Local")

    assert end_of(await transaction_of(station, api)) == ("StopAuthorized", "Local")


async def test_TC_E_16_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops because its token is not valid."""
    unknown = {"idToken": "0BADCAFE", "type": "ISO14443"}
    answer = await states.transaction_event(station, "Started", "Authorized", idToken=unknown)
    await states.transaction_event(station, "Ended", "Deauthorized", stoppedReason="DeAuthorized")

    assert answer["idTokenInfo"]["status"] in ("Invalid", "Unknown")
    assert end_of(await transaction_of(station, api)) == ("Deauthorized", "DeAuthorized")


async def test_TC_E_17_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops because the EV no longer communicates."""
    await states.energy_transfer_suspended(station)

    await states.transaction_event(
        station, "Ended", "EVCommunicationLost", chargingState="Idle", stoppedReason="EVDisconnected"
    )

    assert end_of(await transaction_of(station, api)) == ("EVCommunicationLost", "EVDisconnected")


async def test_TC_E_19_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops when the EV leaves the parking bay."""
    await states.ev_disconnected(station)

    await states.transaction_event(station, "Ended", "EVDeparted", stoppedReason="Local")

    # The state before ends the transaction too; the end that came first counts.
    assert end_of(await transaction_of(station, api)) == ("EVCommunicationLost", "EVDisconnected")
    assert (await triggers_of(station, api))[-1] == "EVDeparted"


async def test_TC_E_20_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops when the cable is unplugged at the EV."""
    await states.energy_transfer_suspended(station)

    await states.ev_disconnected(station)

    assert end_of(await transaction_of(station, api)) == ("EVCommunicationLost", "EVDisconnected")


async def test_TC_E_21_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops because an operator asks for it."""
    await states.energy_transfer_started(station)

    rpc = api.remote_control.RequestStopTransaction(
        RequestStopTransactionRequest(
            target=CommandTarget(station_id=station.station_id),
            request=ocpp.RequestStopTransactionRequest(transaction_id=station.transaction_id),
        )
    )
    asked, _ = await station.asked_by(rpc, "RequestStopTransaction", {"status": "Accepted"})
    await states.transaction_event(station, "Ended", "RemoteStop", stoppedReason="Remote")

    assert asked == {"transactionId": station.transaction_id}
    assert end_of(await transaction_of(station, api)) == ("RemoteStop", "Remote")


async def test_TC_E_22_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops because the EV stops taking energy."""
    await states.energy_transfer_started(station)

    await states.transaction_event(
        station, "Ended", "ChargingStateChanged", chargingState="SuspendedEV", stoppedReason="StoppedByEV"
    )

    found = await transaction_of(station, api)
    assert end_of(found) == ("ChargingStateChanged", "StoppedByEV")
    assert state_of(found) == "SuspendedEV"


async def test_TC_E_26_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction goes on after the cable was unplugged at the EV and plugged in again."""
    await states.energy_transfer_suspended(station)

    await states.transaction_event(station, "Updated", "EVCommunicationLost", chargingState="Idle")
    await states.connector_status(station, "Available")
    await states.transaction_event(station, "Updated", "CablePluggedIn", chargingState="EVConnected")
    await states.transaction_event(station, "Updated", "ChargingStateChanged", chargingState="Charging")

    found = await transaction_of(station, api)
    assert (state_of(found), found.HasField("end_time"), found.missing_events) == ("Charging", False, 0)


async def test_TC_E_39_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction stops because nobody plugs in."""
    await states.authorized(station)

    await states.transaction_event(station, "Ended", "EVConnectTimeout", stoppedReason="Timeout")

    assert end_of(await transaction_of(station, api)) == ("EVConnectTimeout", "Timeout")
