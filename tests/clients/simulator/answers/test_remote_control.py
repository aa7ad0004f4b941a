from typing import Any

import pytest

from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms

TOKEN = {"idToken": "A", "type": "Central"}
START = {"idToken": TOKEN, "remoteStartId": 42}


async def test_F02_a_remote_start_begins_a_transaction(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    charging = station.expect("charging")

    answer = await csms.call("CS-1", "RequestStartTransaction", START)
    await charging
    await csms.until_count("TransactionEvent", 3)

    started = csms.of("TransactionEvent")[0]
    assert answer == {"status": "Accepted"}
    assert (started["eventType"], started["triggerReason"], started["idToken"]) == ("Started", "RemoteStart", TOKEN)
    assert started["transactionInfo"]["remoteStartId"] == 42
    assert csms.of("Authorize") == []


async def test_F01_FR_13_a_remote_start_authorizes_the_transaction_of_the_cable(
    csms: Csms, make_station: MakeStation
) -> None:
    station = await make_station()
    transaction_id = await station.plug_in()

    answer = await csms.call("CS-1", "RequestStartTransaction", {**START, "evseId": 1})
    await csms.until_count("TransactionEvent", 2)

    assert answer == {"status": "Accepted", "transactionId": transaction_id}
    updated = csms.of("TransactionEvent")[1]
    assert (updated["eventType"], updated["triggerReason"]) == ("Updated", "RemoteStart")


async def test_F01_FR_01_the_token_is_authorized_where_configured(csms: Csms, make_station: MakeStation) -> None:
    csms.token_status = "Blocked"
    station = await make_station(variables={"AuthCtrlr.AuthorizeRemoteStart": "true"})

    await csms.call("CS-1", "RequestStartTransaction", START)
    await csms.until_count("Authorize", 1)
    await csms.call("CS-1", "ClearCache", {})

    assert station.parts.charging.transactions == []


@pytest.mark.parametrize(
    ("evse_id", "code", "text"),
    [
        pytest.param(1, "TxInProgress", "EVSE 1 is in use by transaction {}", id="F01.FR.24 busy"),
        pytest.param(9, "UnknownEvse", "there is no EVSE 9", id="unknown"),
    ],
)
async def test_an_evse_that_is_not_free_is_not_started(
    csms: Csms, make_station: MakeStation, evse_id: int, code: str, text: str
) -> None:
    station = await make_station()
    transaction_id = await station.plug_in()
    await station.start_transaction()

    answer = await csms.call("CS-1", "RequestStartTransaction", {**START, "evseId": evse_id})

    assert answer == {
        "status": "Rejected",
        "statusInfo": {"reasonCode": code, "additionalInfo": text.format(transaction_id)},
    }


async def test_an_evse_that_is_out_of_service_is_not_started(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await csms.call("CS-1", "ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})

    answer = await csms.call("CS-1", "RequestStartTransaction", {**START, "evseId": 1})

    assert answer["status"] == "Rejected"
    assert answer["statusInfo"] == {"reasonCode": "NotEnabled", "additionalInfo": "EVSE 1 is out of service"}


async def test_F01_FR_20_it_chooses_a_free_evse(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(evses=2)
    await station.plug_in(1)
    await station.start_transaction(1)

    await csms.call("CS-1", "RequestStartTransaction", START)
    await csms.until(lambda: any(event["evse"]["id"] == 2 for event in csms.of("TransactionEvent")))


async def test_F03_FR_03_a_remote_stop_ends_the_transaction(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.plug_in()
    transaction_id = await station.start_transaction()

    answer = await csms.call("CS-1", "RequestStopTransaction", {"transactionId": transaction_id})
    await csms.until_count("TransactionEvent", 4)

    ended = csms.of("TransactionEvent")[-1]
    assert answer == {"status": "Accepted"}
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")


async def test_F03_FR_08_an_unknown_transaction_is_not_stopped(csms: Csms, make_station: MakeStation) -> None:
    await make_station()

    answer = await csms.call("CS-1", "RequestStopTransaction", {"transactionId": "T"})

    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "TxNotFound")


async def test_F05_connectors_are_unlocked_unless_in_use(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    connector = {"evseId": 1, "connectorId": 1}

    assert (await csms.call("CS-1", "UnlockConnector", connector))["status"] == "Unlocked"
    unknown = await csms.call("CS-1", "UnlockConnector", {"evseId": 1, "connectorId": 2})
    assert unknown["status"] == "UnknownConnector"
    await station.plug_in()
    await station.start_transaction()
    assert (await csms.call("CS-1", "UnlockConnector", connector))["status"] == "OngoingAuthorizedTransaction"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("Heartbeat", {}, id="heartbeat"),
        pytest.param("LogStatusNotification", {"status": "Idle"}, id="F06.FR.15 log"),
        pytest.param("FirmwareStatusNotification", {"status": "Idle"}, id="F06.FR.16 firmware"),
    ],
)
async def test_F06_messages_are_sent_when_triggered(
    csms: Csms, make_station: MakeStation, message: str, expected: dict[str, Any]
) -> None:
    await make_station()

    answer = await csms.call("CS-1", "TriggerMessage", {"requestedMessage": message})

    assert answer == {"status": "Accepted"}
    assert await csms.until_count(message, 1) == [expected]


async def test_F06_a_status_is_triggered_for_one_connector(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await csms.until_count("StatusNotification", 1)
    trigger = {"requestedMessage": "StatusNotification"}

    without = await csms.call("CS-1", "TriggerMessage", trigger)
    answer = await csms.call("CS-1", "TriggerMessage", {**trigger, "evse": {"id": 1, "connectorId": 1}})

    assert (without["status"], answer["status"]) == ("Rejected", "Accepted")
    await csms.until_count("StatusNotification", 2)


async def test_F06_FR_06_meter_values_come_from_every_evse(csms: Csms, make_station: MakeStation) -> None:
    await make_station(evses=2)

    await csms.call("CS-1", "TriggerMessage", {"requestedMessage": "MeterValues"})

    values = await csms.until_count("MeterValues", 2)
    assert [one["evseId"] for one in values] == [1, 2]
    unknown = {"requestedMessage": "MeterValues", "evse": {"id": 3}}
    assert await csms.call("CS-1", "TriggerMessage", unknown) == {"status": "Rejected"}


async def test_F06_FR_07_a_transaction_tells_how_it_is(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    trigger = {"requestedMessage": "TransactionEvent"}
    assert await csms.call("CS-1", "TriggerMessage", trigger) == {"status": "Rejected"}
    await station.plug_in()

    await csms.call("CS-1", "TriggerMessage", trigger)

    event = (await csms.until_count("TransactionEvent", 2))[1]
    assert event["triggerReason"] == "Trigger"
    assert event["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        pytest.param("BootNotification", "Rejected", id="F06.FR.17 accepted already"),
        pytest.param("SignV2GCertificate", "NotImplemented", id="F06.FR.08"),
    ],
)
async def test_F06_other_messages_are_refused(csms: Csms, make_station: MakeStation, message: str, status: str) -> None:
    await make_station()

    assert await csms.call("CS-1", "TriggerMessage", {"requestedMessage": message}) == {"status": status}


async def test_C11_the_cache_is_really_cleared(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.authorize("A")

    assert await csms.call("CS-1", "ClearCache", {}) == {"status": "Accepted"}
    await station.disconnect()

    assert await station.authorize("A") == {"status": "Unknown"}


async def test_C11_FR_04_without_a_cache_nothing_is_cleared(csms: Csms, make_station: MakeStation) -> None:
    await make_station(variables={"AuthCacheCtrlr.Enabled": "false"})

    assert await csms.call("CS-1", "ClearCache", {}) == {"status": "Rejected"}


async def test_E14_the_status_of_transactions(csms: Csms, make_station: MakeStation) -> None:
    csms.scripts["TransactionEvent"] = lambda _: None
    station = await make_station()
    idle = await csms.call("CS-1", "GetTransactionStatus", {})
    transaction_id = await station.plug_in()

    one = await csms.call("CS-1", "GetTransactionStatus", {"transactionId": transaction_id})
    unknown = await csms.call("CS-1", "GetTransactionStatus", {"transactionId": "T"})

    assert idle == {"messagesInQueue": False}
    assert one == {"messagesInQueue": True, "ongoingIndicator": True}
    assert unknown == {"messagesInQueue": False, "ongoingIndicator": False}


async def test_I02_the_running_cost_is_taken(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    transaction_id = await station.plug_in()

    await csms.call("CS-1", "CostUpdated", {"transactionId": transaction_id, "totalCost": 3.5})
    await csms.call("CS-1", "CostUpdated", {"transactionId": "T", "totalCost": 9})

    assert station.parts.charging.transactions[0].total_cost == 3.5


async def test_who_came_with_a_remote_start_leaves_when_the_cable_is_unlocked(
    csms: Csms, make_station: MakeStation
) -> None:
    station = await make_station()
    charging = station.expect("charging")
    await csms.call("CS-1", "RequestStartTransaction", {**START, "evseId": 1})
    await charging
    transaction_id = station.parts.charging.transactions[0].transaction_id
    await csms.call("CS-1", "RequestStopTransaction", {"transactionId": transaction_id})

    await csms.call("CS-1", "UnlockConnector", {"evseId": 1, "connectorId": 1})

    await csms.until(lambda: csms.of("StatusNotification")[-1]["connectorStatus"] == "Available")
    assert [one["connectorStatus"] for one in csms.of("StatusNotification")] == ["Available", "Occupied", "Available"]
