from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock


async def test_B11_FR_03_an_idle_station_boots_again(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    first = csms.sockets["CS-1"]
    booted = station.expect("accepted")

    answer = await csms.call("CS-1", "Reset", {"type": "OnIdle"})
    await booted

    assert answer == {"status": "Accepted"}
    await first.wait_closed()
    assert [one["reason"] for one in csms.of("BootNotification")] == ["PowerUp", "RemoteReset"]


async def test_B12_FR_04_an_immediate_reset_ends_transactions_first(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.plug_in()
    await station.start_transaction()
    booted = station.expect("accepted")

    answer = await csms.call("CS-1", "Reset", {"type": "Immediate"})
    await booted

    ended = csms.of("TransactionEvent")[-1]
    assert answer == {"status": "Accepted"}
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("ResetCommand", "ImmediateReset")
    actions = [call.action for call in csms.calls]
    assert actions.index("BootNotification", 1) > actions.index("TransactionEvent")


async def test_B12_FR_05_what_is_not_answered_is_sent_after_the_reboot(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    csms.scripts["TransactionEvent"] = lambda call: None if call.payload["eventType"] == "Ended" else {}
    station = await make_station()
    await station.plug_in()
    await csms.call("CS-1", "Reset", {"type": "Immediate"})
    await csms.until_count("TransactionEvent", 2)
    csms.scripts.clear()
    booted = station.expect("accepted")

    await clock.pass_by(30)
    await booted
    await station.wait_for("queue_empty")

    assert [event["eventType"] for event in csms.of("TransactionEvent")] == ["Started", "Ended", "Ended"]


async def test_B12_FR_01_on_idle_waits_for_the_transaction(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(evses=2)
    await station.plug_in(1)
    transaction_id = await station.start_transaction(1)
    await csms.until_count("StatusNotification", 3)

    answer = await csms.call("CS-1", "Reset", {"type": "OnIdle"})
    await csms.until_count("StatusNotification", 4)
    assert answer == {"status": "Scheduled"}
    assert csms.of("StatusNotification")[-1]["connectorStatus"] == "Unavailable"
    assert csms.of("StatusNotification")[-1]["evseId"] == 2
    assert len(csms.of("BootNotification")) == 1
    booted = station.expect("accepted")
    await station.stop_transaction(transaction_id)
    await booted

    assert csms.of("BootNotification")[1]["reason"] == "ScheduledReset"


async def test_B11_FR_08_one_evse_is_reset_without_a_boot(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(evses=2)
    await station.plug_in(2)
    ended = station.expect("transaction_ended")

    answer = await csms.call("CS-1", "Reset", {"type": "Immediate", "evseId": 2})
    await ended
    await station.wait_for("queue_empty")

    assert answer == {"status": "Accepted"}
    assert len(csms.of("BootNotification")) == 1


async def test_an_unknown_evse_is_not_reset(csms: Csms, make_station: MakeStation) -> None:
    await make_station()

    assert (await csms.call("CS-1", "Reset", {"type": "Immediate", "evseId": 9}))["status"] == "Rejected"


async def test_immediate_and_resume_goes_on_charging(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(version="2.1")
    await station.plug_in()
    transaction_id = await station.start_transaction()
    booted = station.expect("accepted")

    answer = await csms.call("CS-1", "Reset", {"type": "ImmediateAndResume"})
    await booted
    await station.wait_for("queue_empty")

    assert answer == {"status": "Accepted"}
    assert csms.of("TransactionEvent")[-1]["triggerReason"] == "TxResumed"
    assert station.parts.charging.find(transaction_id) is not None
