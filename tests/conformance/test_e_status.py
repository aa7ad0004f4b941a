"""Block E, Transactions: what stations know of them, and what they queued while they were offline."""

from typing import Any

import pytest

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.transactions_pb2 import GetTransactionStatusRequest, GetTransactionStatusResponse
from citrine.ocpp.v2 import transactions_pb2 as ocpp
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation, now
from tests.conformance.transactions import end_of, meter_value, transaction_of, triggers_of


@pytest.fixture
async def station(station: ConformanceStation) -> ConformanceStation:
    """The station of the case, booted."""
    await states.booted(station)
    return station


async def ask(
    station: ConformanceStation, api: Citrine, transaction_id: str, answer: dict[str, Any]
) -> tuple[dict[str, Any], GetTransactionStatusResponse]:
    """Have the station asked for the status of a transaction, or of all where none is named."""
    request = ocpp.GetTransactionStatusRequest()
    if transaction_id:
        request.transaction_id = transaction_id
    rpc = api.transactions.GetTransactionStatus(
        GetTransactionStatusRequest(target=CommandTarget(station_id=station.station_id), request=request)
    )
    return await station.asked_by(rpc, "GetTransactionStatus", answer)


async def offline_update(station: ConformanceStation) -> None:
    """Deliver an event that was queued while the station was offline."""
    values = [meter_value(1000.0, "Sample.Periodic")]
    await states.transaction_event(station, "Updated", "MeterValuePeriodic", offline=True, meterValue=values)


async def test_TC_E_29_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that is back has messages queued about a transaction that goes on."""
    await states.energy_transfer_started(station)

    await station.connect()
    asked, _ = await ask(station, api, station.transaction_id, {"ongoingIndicator": True, "messagesInQueue": True})
    found = await transaction_of(station, api)
    await offline_update(station)

    assert asked == {"transactionId": station.transaction_id}
    assert (found.check.ongoing, found.check.messages_in_queue) == (True, True)
    found = await transaction_of(station, api)
    assert (found.offline, found.missing_events, found.HasField("end_time")) == (True, 0, False)


async def test_TC_E_30_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station has no messages queued about a transaction that goes on."""
    await states.energy_transfer_started(station)

    asked, _ = await ask(station, api, station.transaction_id, {"ongoingIndicator": True, "messagesInQueue": False})

    assert asked == {"transactionId": station.transaction_id}
    found = await transaction_of(station, api)
    assert (found.check.ongoing, found.check.messages_in_queue) == (True, False)
    assert not found.HasField("close_time")


async def test_TC_E_31_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station has messages queued about a transaction whose end it delivered already."""
    await states.energy_transfer_started(station)

    await station.connect()
    await station.call(
        "StatusNotification",
        {
            "timestamp": now(),
            "connectorStatus": "Available",
            "evseId": station.evse_id,
            "connectorId": station.connector_id,
        },
    )
    skipped = station.seq_no
    station.seq_no += 2
    await states.transaction_event(station, "Ended", "EVCommunicationLost", offline=True, chargingState="Idle")
    found = await transaction_of(station, api)
    asked, _ = await ask(station, api, station.transaction_id, {"ongoingIndicator": False, "messagesInQueue": True})
    checked = (await transaction_of(station, api)).check
    station.seq_no = skipped
    await states.transaction_event(station, "Updated", "StopAuthorized", offline=True)
    await states.transaction_event(
        station, "Updated", "ChargingStateChanged", offline=True, chargingState="EVConnected"
    )

    assert (found.missing_events, found.has_gap) == (2, True)
    assert asked == {"transactionId": station.transaction_id}
    assert (checked.ongoing, checked.messages_in_queue) == (False, True)
    found = await transaction_of(station, api)
    assert (found.missing_events, found.has_gap) == (0, False)
    assert end_of(found) == ("EVCommunicationLost", "EVDisconnected")
    assert (await triggers_of(station, api))[-3:] == ["StopAuthorized", "ChargingStateChanged", "EVCommunicationLost"]


async def test_TC_E_33_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that is back has messages queued, asked for no transaction in particular."""
    await states.energy_transfer_started(station)

    await station.connect()
    asked, response = await ask(station, api, "", {"messagesInQueue": True})
    await offline_update(station)

    assert asked == {}
    assert (response.response.messages_in_queue, response.response.HasField("ongoing_indicator")) == (True, False)
    assert (await transaction_of(station, api)).offline


async def test_TC_E_34_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station has no messages queued, asked for no transaction in particular."""
    asked, response = await ask(station, api, "", {"messagesInQueue": False})

    assert asked == {}
    assert not response.response.messages_in_queue
    assert response.command.response["messagesInQueue"] is False
