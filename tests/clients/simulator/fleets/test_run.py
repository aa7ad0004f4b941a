"""Fleets against a scripted CSMS: what is sent, what the faults do to it, and what the report says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from citrine_simulator.fail_on import DEFAULT_FAIL_ON, FAIL_ON
from citrine_simulator.fleets import FleetFile, FleetRun, Report, run_fleet
from citrine_simulator.fleets.run import LAST_WORDS
from tests.clients.simulator.csms import Csms, Received, csms_server

ERRORS = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "0",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "0",
}
"""Variables of stations that try again at once."""

CHARGE = {"kind": "charge", "charging_for": 0.2, "pause": 0.05}

REGISTER = "Energy.Active.Import.Register"

Run = Callable[..., Awaitable[Report]]


@pytest.fixture
async def lenient() -> AsyncIterator[Csms]:
    """A CSMS that may be sent what breaks the schemas."""
    async with csms_server() as csms:
        yield csms


@pytest.fixture
def run(lenient: Csms, tmp_path: Path) -> Run:
    """Runs one group of stations until a condition holds, or for a time."""

    async def run(
        *faults: dict[str, Any],
        until: Callable[[], bool] | None = None,
        seconds: float | None = None,
        fail_on: frozenset[str] = DEFAULT_FAIL_ON,
        **group: Any,
    ) -> Report:
        usual = {"ids": "CS-1", "variables": ERRORS, "behaviour": CHARGE, "speed": 600}
        stations = [{**usual, "faults": list(faults), **group}]
        file = FleetFile.model_validate({"version": 1, "csms": {"url": lenient.url}, "stations": stations})
        stop, hurry = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(
            run_fleet(FleetRun(tmp_path / "fleet.toml", file, seconds, 10, fail_on), stop, hurry, progress=False)
        )
        try:
            if until is not None:
                await lenient.until(until)
                stop.set()
            return await running
        finally:
            running.cancel()

    return run


def of_type(csms: Csms, event_type: str) -> list[dict[str, Any]]:
    return [one for one in csms.of("TransactionEvent") if one["eventType"] == event_type]


def registers_of(event: dict[str, Any]) -> list[float]:
    samples = [sample for values in event.get("meterValue", ()) for sample in values["sampledValue"]]
    return [one["value"] for one in samples if one.get("measurand", REGISTER) == REGISTER]


def ended(csms: Csms, count: int = 1) -> Callable[[], bool]:
    return lambda: sum(one["eventType"] == "Ended" for one in csms.of("TransactionEvent")) >= count


async def test_stations_charge_and_everything_is_reported(lenient: Csms, run: Run) -> None:
    report = await run(until=ended(lenient, 6), ids=["A-{1..2}", "B-1"], evses=2, password="{id} secret")

    totals = report.totals
    sent = lenient.of("TransactionEvent")
    assert report.verdict.passed
    assert report.ended_by == "signal"
    assert (totals.stations, totals.accepted, totals.connections) == (3, 3, 3)
    assert totals.messages["BootNotification"].accepted == 3
    assert totals.acknowledged == totals.transaction_messages == len(sent)
    assert totals.transactions == len({one["transactionInfo"]["transactionId"] for one in sent})
    assert all(
        one.ended and one.meter_right and not one.unacknowledged for s in report.stations for one in s.transactions
    )
    assert totals.energy_by_meter > 0
    assert lenient.problems == []


async def test_an_ev_that_takes_long_to_leave_leaves_nothing_behind(lenient: Csms, run: Run) -> None:
    """Its token is decided on only when the others have gone, and all queues are empty."""
    answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    lenient.scripts["Authorize"] = lambda call: answer

    def asked() -> bool:
        if not lenient.of("Authorize"):
            return False
        asyncio.get_running_loop().call_later(
            LAST_WORDS + 0.5, answer.set_result, {"idTokenInfo": {"status": "Accepted"}}
        )
        return True

    report = await run(until=asked, variables={**ERRORS, "TxCtrlr.TxStartPoint": "Authorized"})

    assert report.verdict.passed, report.verdict.problems
    assert [one.stopped_reason for one in report.stations[0].transactions] == ["Local"]


async def test_it_ends_by_itself(run: Run) -> None:
    report = await run(seconds=0.3, behaviour={"kind": "idle"})

    assert report.ended_by == "time"
    assert report.verdict.passed
    assert report.totals.transactions == 0


async def test_heartbeats_come_at_their_own_interval(lenient: Csms, run: Run) -> None:
    report = await run(
        until=lambda: len(lenient.of("Heartbeat")) >= 3, behaviour={"kind": "heartbeat", "every": "50ms"}, version="2.1"
    )

    assert report.totals.messages["Heartbeat"].accepted >= 3
    assert report.stations[0].version == "2.1"


async def test_evs_come_as_on_a_fast_day(lenient: Csms, run: Run) -> None:
    await run(until=ended(lenient, 3), behaviour={"kind": "day", "faster": 86_400, "visits": 20, "charging_for": "30m"})

    assert ended(lenient, 3)()


@pytest.mark.parametrize(("then", "reason"), [("end", "PowerLoss"), ("resume", "Local"), ("forget", None)])
async def test_a_power_cut_ends_or_goes_on_or_is_forgotten(
    lenient: Csms, run: Run, then: str, reason: str | None
) -> None:
    report = await run(
        {"kind": "power_cut", "at": ["500ms"], "off_for": 0.05, "then": then},
        until=lambda: len(lenient.of("BootNotification")) >= 2,
        behaviour={**CHARGE, "charging_for": 600, "pause": 0},
    )

    fault, station = report.stations[0].faults[0], report.stations[0]
    (cut,) = [one for one in station.transactions if one.transaction_id in fault.details["transactions"]]
    assert cut.stopped_reason == reason
    assert report.totals.undelivered == 0
    assert station.connections == 2


async def test_an_ev_leaves_and_another_comes_although_the_power_was_off_when_it_meant_to(
    lenient: Csms, run: Run
) -> None:
    report = await run(
        {"kind": "power_cut", "at": ["300ms"], "off_for": 0.5, "then": "resume"},
        until=ended(lenient, 3),
        behaviour={**CHARGE, "charging_for": 0.5, "pause": 0, "spread": 0},
    )

    station = report.stations[0]
    assert len(station.faults[0].details["transactions"]) == 1
    assert all(one.stopped_reason == "Local" for one in station.transactions)
    assert report.verdict.passed


async def test_a_transaction_that_the_csms_began_ends_with_the_run(lenient: Csms, run: Run) -> None:
    running = asyncio.ensure_future(run(until=ended(lenient), behaviour={"kind": "idle"}, seconds=1))
    await lenient.until(lambda: len(lenient.of("StatusNotification")) >= 1)
    await lenient.call(
        "CS-1", "RequestStartTransaction", {"remoteStartId": 1, "idToken": {"idToken": "C0FFEE01", "type": "ISO14443"}}
    )
    report = await running

    assert [one.stopped_reason for one in report.stations[0].transactions] == ["Local"]
    assert report.verdict.passed


async def test_a_backlog_comes_with_the_timestamps_of_then(lenient: Csms, run: Run) -> None:
    fault = {"kind": "backlog", "offline_for": "10h", "transactions": 2, "charging_for": "1h", "sample_interval": "30m"}

    report = await run(fault, until=ended(lenient, 2), behaviour={"kind": "idle"}, speed=1)

    sent = lenient.of("TransactionEvent")
    assert {one["offline"] for one in sent} == {True}
    first, second = report.stations[0].transactions
    times = [first.started, first.ended, second.started]
    assert times == sorted(times, key=str)
    # An EV that draws 11 kW for an hour, from a battery that is not full before.
    assert first.energy_by_meter == first.energy_sent == pytest.approx(11_000, rel=0.01)
    assert report.verdict.passed


@pytest.mark.parametrize("mid_message", [False, True])
async def test_a_flapping_link_loses_nothing(lenient: Csms, run: Run, mid_message: bool) -> None:
    report = await run(
        {"kind": "flapping_link", "every": "100ms", "mid_message": mid_message},
        until=lambda: len(lenient.headers) >= 4,
        variables={**ERRORS, "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "99"},
    )

    assert report.totals.faults["flapping_link"] >= 3
    assert report.totals.undelivered == report.totals.given_up == 0
    assert report.totals.messages["TransactionEvent"].lost == 0
    assert lenient.problems == []


async def test_what_faults_alone_have_broken_is_meant(lenient: Csms, run: Run) -> None:
    report = await run(
        {"kind": "flapping_link", "at": ["100ms"], "mid_message": True},
        until=ended(lenient),
        variables={**ERRORS, "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "1"},
        behaviour={**CHARGE, "pause": 0.2},
        fail_on=frozenset({"given_up", "lost"}),
    )

    assert report.verdict.passed
    assert report.totals.given_up == 0


async def test_what_the_csms_refuses_is_given_up_and_fails(lenient: Csms, run: Run) -> None:
    lenient.scripts["TransactionEvent"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'

    report = await run(until=lambda: len(lenient.of("TransactionEvent")) >= 3, fail_on=frozenset(FAIL_ON))

    assert not report.verdict.passed
    assert report.verdict.problems.keys() >= {"given_up", "call_error"}
    assert report.totals.messages["TransactionEvent"].call_errors.keys() == {"InternalError"}
    given_up = [fate for one in report.stations[0].transactions for fate in one.unacknowledged]
    assert {fate.fate for fate in given_up} == {"given_up"}
    assert all(fate.attempts == 3 and not fate.meant for fate in given_up)


async def test_an_answer_that_breaks_its_schema_is_told(lenient: Csms, run: Run) -> None:
    lenient.scripts["Heartbeat"] = lambda _: {"currentTime": 5}

    report = await run(
        until=lambda: len(lenient.of("Heartbeat")) >= 2, behaviour={"kind": "heartbeat", "every": "20ms"}
    )

    assert report.totals.messages["Heartbeat"].invalid >= 1
    assert report.stations[0].schema_violations[0].message == "HeartbeatResponse"
    assert report.stations[0].schema_violations[0].problem == "currentTime: type"
    assert report.verdict.problems == {"schema": report.totals.schema_violations}


async def test_a_station_that_is_never_accepted_fails(lenient: Csms, run: Run) -> None:
    lenient.registration = "Rejected"

    report = await run(seconds=0.3)

    assert report.verdict.problems == {"unaccepted": 1}


async def test_message_ids_are_used_again(lenient: Csms, run: Run) -> None:
    await run(
        {"kind": "repeated_ids"},
        {"kind": "power_cut", "at": ["300ms"], "off_for": 0},
        until=lambda: len(lenient.of("BootNotification")) >= 2,
    )

    assert [one.message_id for one in lenient.calls if one.action == "BootNotification"][:2] == ["1", "1"]


async def test_transaction_ids_are_used_again(lenient: Csms, run: Run) -> None:
    report = await run(
        {"kind": "repeated_ids", "messages": False, "transactions": True},
        {"kind": "power_cut", "at": ["300ms"], "off_for": 0, "then": "forget"},
        until=lambda: len(lenient.of("BootNotification")) >= 2,
        behaviour={**CHARGE, "charging_for": 600, "pause": 0},
    )

    started = [one for one in lenient.of("TransactionEvent") if one["eventType"] == "Started"]
    assert {one["transactionInfo"]["transactionId"] for one in started[:1]} == {"CS-1-1"}
    assert [one.transaction_id for one in report.stations[0].transactions][:1] == ["CS-1-1"]


async def test_each_transaction_of_an_id_is_reported(lenient: Csms, run: Run) -> None:
    report = await run(
        {"kind": "repeated_ids", "transactions": True},
        {"kind": "power_cut", "at": ["1s"], "off_for": 0},
        until=lambda: (
            sum(one["transactionInfo"]["transactionId"] == "CS-1-1" for one in of_type(lenient, "Ended")) >= 2
        ),
    )

    transactions = report.stations[0].transactions
    of_one = [one for one in transactions if one.transaction_id == "CS-1-1"]
    # The power may have gone while one was on its way: it came twice then.
    came = [one for one in lenient.of("TransactionEvent") if one["transactionInfo"]["transactionId"] == "CS-1-1"]
    sent = list({(one["seqNo"], one["timestamp"]): one for one in came}.values())
    assert [one.use_of_id for one in of_one] == [1, 2]
    assert [one.started for one in of_one] == [one["timestamp"] for one in sent if one["eventType"] == "Started"]
    assert sum(one.messages for one in of_one) == sum(one.acknowledged for one in of_one) == len(sent)
    assert report.totals.transactions == len(transactions)
    # What flowed under other ids between them is of neither.
    assert sum(one.energy_by_meter for one in transactions) == pytest.approx(report.totals.energy_by_meter)
    assert all(one.energy_sent == pytest.approx(one.energy_by_meter, abs=0.2) for one in transactions)
    registers = [value for one in lenient.of("TransactionEvent") for value in registers_of(one)]
    assert report.totals.energy_by_meter <= max(registers) - min(registers) + 0.2


async def test_frames_come_twice(lenient: Csms, run: Run) -> None:
    report = await run({"kind": "duplicate_frames", "probability": 1}, until=ended(lenient))

    ids = [one.message_id for one in lenient.calls if one.action == "BootNotification"]
    assert ids[0] == ids[1]
    assert report.stations[0].unusable["stray_answers"] >= 1
    assert report.verdict.passed


@pytest.mark.parametrize("form", ["unknown_type", "answer_to_nothing", "broken_payload"])
async def test_malformed_frames_come_between(lenient: Csms, run: Run, form: str) -> None:
    def arrived() -> bool:
        return bool(lenient.strays or lenient.problems)

    report = await run({"kind": "malformed_frames", "every": "50ms", "forms": [form]}, until=arrived)

    assert report.totals.faults["malformed_frames"] >= 1
    assert report.totals.undelivered == 0


@pytest.mark.parametrize("form", ["spike", "zero", "negative", "wrap", "kwh_as_wh", "missing"])
async def test_a_meter_says_what_cannot_be(lenient: Csms, run: Run, form: str) -> None:
    report = await run({"kind": "meter_outlier", "probability": 1, "forms": [form]}, until=ended(lenient))

    transactions = report.stations[0].transactions
    assert transactions
    assert not any(one.meter_right for one in transactions[:1])
    assert transactions[0].energy_by_meter > 0
    assert lenient.problems == []


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "refused_calls", "code": "NotSupported"}, {"NotSupported": 1}),
        ({"kind": "slow_answers", "delay": "10ms"}, {"answered": 1}),
    ],
)
async def test_the_csms_is_answered_late_or_wrongly(
    lenient: Csms, run: Run, fault: dict[str, Any], outcome: dict[str, int]
) -> None:
    running = asyncio.ensure_future(run({**fault, "probability": 1}, until=lambda: bool(lenient.of("DataTransfer"))))
    await lenient.until_count("StatusNotification", 1)

    answer = await lenient.ask("CS-1", '[2,"x","ClearCache",{}]')
    lenient.calls.append(Received("CS-1", "", "DataTransfer", {}))
    await lenient._notify()
    report = await running

    assert answer[0] == (4 if "code" in fault else 3)
    assert report.totals.csms_calls == {"ClearCache": outcome}
    assert report.totals.faults == {fault["kind"]: 1}


async def test_the_csms_is_not_answered(lenient: Csms, run: Run) -> None:
    fault = {"kind": "unanswered_calls", "probability": 1, "actions": ["ClearCache"]}
    running = asyncio.ensure_future(run(fault, until=lambda: bool(lenient.of("DataTransfer"))))
    await lenient.until_count("StatusNotification", 1)

    await lenient.sockets["CS-1"].send('[2,"x","ClearCache",{}]')
    # The next one is answered, so the first one was read before.
    await lenient.ask("CS-1", '[2,"y","GetLocalListVersion",{}]')
    lenient.calls.append(Received("CS-1", "", "DataTransfer", {}))
    await lenient._notify()
    report = await running

    assert report.totals.csms_calls == {"ClearCache": {"unanswered": 1}, "GetLocalListVersion": {"answered": 1}}


async def test_a_wrong_clock_stays_wrong_unless_it_follows_the_csms(lenient: Csms, run: Run) -> None:
    await run({"kind": "wrong_clock", "epoch": True}, until=ended(lenient))
    wrong = lenient.of("TransactionEvent")
    lenient.calls.clear()
    await run({"kind": "wrong_clock", "epoch": True, "follows_csms": True}, until=ended(lenient))

    assert {one["timestamp"][:10] for one in wrong} == {"1970-01-01"}
    assert not {one["timestamp"][:4] for one in lenient.of("TransactionEvent")} & {"1970"}


async def test_a_clock_jumps(lenient: Csms, run: Run) -> None:
    def back_in_time() -> bool:
        times = [one["timestamp"] for one in lenient.of("TransactionEvent")]
        return times != sorted(times)

    report = await run(
        {"kind": "clock_jump", "at": ["200ms"], "by": "-30d"},
        until=back_in_time,
        behaviour={**CHARGE, "charging_for": 0.05},
    )

    assert report.totals.faults == {"clock_jump": 1}


async def test_the_same_seed_gives_the_same_stations_a_fault(run: Run) -> None:
    fault = {"kind": "wrong_clock", "share": 0.5}
    first = await run(fault, seconds=0.3, ids="CS-{01..20}", behaviour={"kind": "idle"})
    second = await run(fault, seconds=0.3, ids="CS-{01..20}", behaviour={"kind": "idle"})

    stricken = [[one.station_id for one in report.stations if one.faults] for report in (first, second)]
    assert stricken[0] == stricken[1]
    assert 3 < len(stricken[0]) < 17
