import pytest

from citrine_simulator import Store, UsageError
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock


def story(csms: Csms) -> list[tuple[str, str, str]]:
    return [
        (event["eventType"], event["triggerReason"], event["transactionInfo"]["chargingState"])
        for event in csms.of("TransactionEvent")
    ]


async def test_cable_first_then_token(csms: Csms, make_station: MakeStation) -> None:
    """E02: the transaction begins with the cable, as TxStartPoint says."""
    station = await make_station()
    await station.plug_in()
    transaction_id = await station.start_transaction(token="A")
    await station.stop_transaction(transaction_id, token="A")
    await station.wait_for("queue_empty")

    assert story(csms) == [
        ("Started", "CablePluggedIn", "EVConnected"),
        ("Updated", "Authorized", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
        ("Ended", "StopAuthorized", "EVConnected"),
    ]
    ended = csms.of("TransactionEvent")[-1]
    assert ended["transactionInfo"]["stoppedReason"] == "Local"
    assert ended["idToken"] == {"idToken": "A", "type": "ISO14443"}


async def test_token_first_then_cable(csms: Csms, make_station: MakeStation) -> None:
    """E03."""
    station = await make_station()
    await station.start_transaction(token="A")
    await station.plug_in()
    await station.unplug()
    await station.wait_for("queue_empty")

    assert story(csms) == [
        ("Started", "Authorized", "Idle"),
        ("Updated", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
        ("Ended", "EVDeparted", "Idle"),
    ]
    assert csms.of("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"


async def test_the_cable_begins_nothing_where_the_start_point_is_another(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(variables={"TxCtrlr.TxStartPoint": "Authorized"})

    assert await station.plug_in() is None
    await station.start_transaction()
    await station.wait_for("queue_empty")

    assert story(csms)[0] == ("Started", "Authorized", "EVConnected")


async def test_samples_come_by_themselves_and_grow(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    station = await make_station(auto_meter=True, speed=60)
    await station.plug_in()
    await station.start_transaction()
    await csms.until_count("TransactionEvent", 3)

    for count in (4, 5):
        await clock.pass_by(1)
        await csms.until_count("TransactionEvent", count)

    values = [event["meterValue"][0]["sampledValue"] for event in csms.of("TransactionEvent")[2:]]
    assert [one[0]["value"] for one in values] == pytest.approx([0, 183.3, 366.7], abs=0.1)
    assert [one["measurand"] for one in values[-1]] == ["Energy.Active.Import.Register", "Power.Active.Import", "SoC"]


async def test_a_full_battery_suspends_charging(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    station = await make_station(auto_meter=True, battery=100)
    await station.plug_in()
    await station.start_transaction()
    await clock.pass_by(60)
    await clock.pass_by(60)
    await clock.pass_by(60)

    await csms.until(lambda: ("Updated", "ChargingStateChanged", "SuspendedEV") in story(csms))


async def test_E05_FR_10_a_refused_token_ends_its_transaction(csms: Csms, make_station: MakeStation) -> None:
    csms.token_status = "Blocked"
    station = await make_station()
    await station.plug_in()
    ended = station.expect("transaction_ended")
    await station.start_transaction()

    await ended
    await station.wait_for("queue_empty")

    assert story(csms)[-1][:2] == ("Ended", "Deauthorized")
    assert csms.of("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "DeAuthorized"


async def test_E05_FR_02_or_only_suspends_it(csms: Csms, make_station: MakeStation) -> None:
    csms.token_status = "Blocked"
    station = await make_station(variables={"TxCtrlr.StopTxOnInvalidId": "false"})
    await station.plug_in()
    await station.start_transaction()

    await csms.until(lambda: ("Updated", "ChargingStateChanged", "SuspendedEVSE") in story(csms))


@pytest.mark.parametrize(
    ("choice", "last"),
    [
        pytest.param("end", ("Ended", "AbnormalCondition", "EVConnected"), id="ends"),
        pytest.param("resume", ("Updated", "ChargingStateChanged", "Charging"), id="resumes"),
        pytest.param("forget", ("Updated", "ChargingStateChanged", "Charging"), id="forgets"),
    ],
)
async def test_a_loss_of_power_does_to_transactions_what_is_configured(
    csms: Csms, make_station: MakeStation, choice: str, last: tuple[str, str, str]
) -> None:
    station = await make_station(after_power_loss=choice)
    await station.plug_in()
    transaction_id = await station.start_transaction()
    await station.wait_for("queue_empty")

    await station.boot()
    await station.expect("accepted")
    await station.wait_for("queue_empty")

    assert story(csms)[-1] == last
    assert [event["seqNo"] for event in csms.of("TransactionEvent")] == list(range(len(story(csms))))
    open_still = station.parts.charging.find(transaction_id) is not None
    assert open_still == (choice == "resume")


async def test_the_register_survives_a_loss_of_power(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    store = Store()
    station = await make_station(store=store)
    await station.plug_in()
    transaction_id = await station.start_transaction()
    clock.advance(60)
    await station.stop_transaction(transaction_id)
    await station.stop()

    again = await make_station(store=store)

    assert again.parts.charging.evse(1).meter.register == pytest.approx(183.3, abs=0.1)


async def test_a_busy_evse_takes_nobody_else(make_station: MakeStation) -> None:
    station = await make_station()
    await station.plug_in()
    await station.start_transaction()

    with pytest.raises(UsageError, match="EVSE 1 is not free"):
        await station.start_transaction()
    with pytest.raises(UsageError, match="no EVSE 7"):
        await station.plug_in(7)


async def test_a_second_stop_changes_nothing(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.plug_in()
    transaction_id = await station.start_transaction()
    await station.stop_transaction(transaction_id)

    with pytest.raises(UsageError, match="no open transaction"):
        await station.stop_transaction(transaction_id)
