"""What a 1.6 station sends: its statuses, its transactions and their numbers, on a real websocket."""

from pathlib import Path
from typing import Any

import orjson

from citrine_simulator import Journal, Schemas, Station, StationConfig, Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms, Received
from tests.clients.simulator.manual_clock import ManualClock

V16: dict[str, Any] = {"version": "1.6"}


def statuses(csms: Csms, connector: int = 1) -> list[str]:
    return [one["status"] for one in csms.of("StatusNotification") if one["connectorId"] == connector]


async def test_a_boot_names_the_station_and_reports_it_and_its_connectors(
    csms: Csms, make_station: MakeStation
) -> None:
    await make_station(**V16, evses=2, connectors_per_evse=2)

    await csms.until_count("StatusNotification", 5)

    assert csms.of("BootNotification") == [
        {
            "chargePointVendor": "Citrine",
            "chargePointModel": "Simulated 22",
            "chargePointSerialNumber": "0000001",
            "firmwareVersion": "1.0.0",
        }
    ]
    reported = [(one["connectorId"], one["status"], one["errorCode"]) for one in csms.of("StatusNotification")]
    assert reported == [(number, "Available", "NoError") for number in range(5)]


async def test_a_start_of_the_station_is_a_security_event(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    await csms.until_count("SecurityEventNotification", 1)

    await station.boot("RemoteReset")
    events = await csms.until_count("SecurityEventNotification", 2)

    assert [one["type"] for one in events] == ["StartupOfTheDevice", "ResetOrReboot"]


async def test_a_session_goes_through_the_statuses_of_1_6(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    await csms.until(lambda: statuses(csms) == ["Available"])
    await station.plug_in()
    await csms.until(lambda: statuses(csms)[-1] == "Preparing")
    transaction_id = await station.start_transaction()
    await csms.until(lambda: statuses(csms)[-1] == "Charging")
    transaction = station.parts.charging.find(transaction_id)
    assert transaction is not None
    station.parts.charging.change_state(transaction, "SuspendedEV")
    await csms.until(lambda: statuses(csms)[-1] == "SuspendedEV")
    station.parts.charging.change_state(transaction, "SuspendedEVSE")
    await csms.until(lambda: statuses(csms)[-1] == "SuspendedEVSE")
    await station.stop_transaction(transaction_id)
    await csms.until(lambda: statuses(csms)[-1] == "Finishing")

    await station.unplug()

    await csms.until(lambda: statuses(csms)[-1] == "Available")


async def test_a_transaction_is_a_start_meter_values_and_a_stop_with_the_number_of_the_csms(
    csms: Csms, make_station: MakeStation
) -> None:
    station = await make_station(**V16, meter_start=500)
    await station.plug_in()
    assert (await station.authorize("C0FFEE01"))["status"] == "Accepted"
    transaction_id = await station.start_transaction(token="C0FFEE01")

    await station.meter(transaction_id)
    await station.stop_transaction(transaction_id, token="C0FFEE01")
    await station.wait_for("queue_empty")

    (start,), (stop,) = csms.of("StartTransaction"), csms.of("StopTransaction")
    (values,) = csms.of("MeterValues")
    assert (start["connectorId"], start["idTag"], start["meterStart"]) == (1, "C0FFEE01", 500)
    assert (values["connectorId"], values["transactionId"]) == (1, 1001)
    sampled = values["meterValue"][0]["sampledValue"]
    assert {one["measurand"]: one.get("unit") for one in sampled} == {
        "Energy.Active.Import.Register": "Wh",
        "Power.Active.Import": "W",
        "SoC": "Percent",
    }
    assert (stop["transactionId"], stop["idTag"], stop["reason"]) == (1001, "C0FFEE01", "Local")
    assert "transactionData" not in stop


async def test_the_samples_of_a_stop_are_its_transaction_data(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16, variables={"SampledDataCtrlr.TxEndedMeasurands": "SoC"})
    await station.plug_in()
    transaction_id = await station.start_transaction()

    await station.stop_transaction(transaction_id, "EVDisconnected")
    await station.wait_for("queue_empty")

    (stop,) = csms.of("StopTransaction")
    (value,) = stop["transactionData"]
    assert [one["measurand"] for one in value["sampledValue"]] == ["Energy.Active.Import.Register", "SoC"]
    assert stop["reason"] == "EVDisconnected"


async def test_offline_transactions_get_their_numbers_when_they_are_delivered(
    csms: Csms, make_station: MakeStation, clock: ManualClock
) -> None:
    store = Store()
    station = await make_station(store, **V16, valid_tokens={"C0FFEE01"})
    await station.disconnect()
    for _ in range(2):
        clock.advance(60)
        await station.plug_in()
        transaction_id = await station.start_transaction()
        await station.meter(transaction_id)
        await station.stop_transaction(transaction_id)
        await station.unplug()
    await station.stop()
    await station.start()
    await station.wait_for("queue_empty")

    told = [call for call in csms.calls if "Transaction" in call.action or call.action == "MeterValues"]
    assert [call.action for call in told] == ["StartTransaction", "MeterValues", "StopTransaction"] * 2
    assert [call.payload.get("transactionId") for call in told] == [None, 1001, 1001, None, 1002, 1002]
    store.close()


async def test_a_start_that_is_never_answered_leaves_its_transaction_with_minus_one(
    csms: Csms, make_station: MakeStation
) -> None:
    csms.scripts["StartTransaction"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'
    once = {"OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "1"}
    station = await make_station(**V16, variables=once)
    await station.plug_in()

    transaction_id = await station.start_transaction()
    await station.meter(transaction_id)
    await station.stop_transaction(transaction_id)
    await station.wait_for("queue_empty")

    (values,), (stop,) = csms.of("MeterValues"), csms.of("StopTransaction")
    assert values["transactionId"] == stop["transactionId"] == -1


async def test_a_start_is_sent_again_until_it_is_answered(csms: Csms, make_station: MakeStation) -> None:
    answers = [None, None]

    def refuse_twice(call: Received) -> str | dict[str, Any]:
        if answers:
            answers.pop()
            return f'[4,"{call.message_id}","InternalError","",{{}}]'
        return {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}

    csms.scripts["StartTransaction"] = refuse_twice
    at_once = {"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "0"}
    station = await make_station(**V16, variables=at_once)
    await station.plug_in()

    transaction_id = await station.start_transaction()
    await station.stop_transaction(transaction_id)
    await station.wait_for("queue_empty")

    starts = csms.of("StartTransaction")
    assert len(starts) == 3
    assert starts[0] == starts[1] == starts[2]
    assert csms.of("StopTransaction")[0]["transactionId"] == 7


async def test_a_token_that_is_refused_at_the_start_ends_the_transaction(csms: Csms, make_station: MakeStation) -> None:
    csms.token_status = "Invalid"
    station = await make_station(**V16)
    await station.plug_in()

    await station.start_transaction()

    (stop,) = await csms.until_count("StopTransaction", 1)
    assert (stop["transactionId"], stop["reason"]) == (1001, "DeAuthorized")


async def test_a_faulted_connector_says_so(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(**V16)
    await csms.until_count("StatusNotification", 2)

    await station.status(1, 1, "Faulted")

    reports = await csms.until_count("StatusNotification", 3)
    assert (reports[-1]["status"], reports[-1]["errorCode"]) == ("Faulted", "OtherError")


async def test_the_journal_names_the_number_of_the_csms(
    csms: Csms, schemas: dict[str, Schemas], tmp_path: Path
) -> None:
    path = tmp_path / "own.jsonl"
    journal = Journal(path)
    config = StationConfig(station_id="CS-1", url=csms.url, version="1.6", auto_meter=False)
    station = Station(config, journal=journal, schemas=schemas["1.6"])
    await station.start()
    await station.wait_for("accepted")
    await station.plug_in()

    transaction_id = await station.start_transaction()
    await station.stop_transaction(transaction_id)
    await station.wait_for("queue_empty")
    await station.stop()
    journal.close()

    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    numbers = {line["transactionId"]: line["transactionNumber"] for line in lines if "transactionNumber" in line}
    assert numbers == {transaction_id: 1001}
