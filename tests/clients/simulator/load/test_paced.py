import asyncio
from typing import Any

import pytest

from citrine_simulator.fleet import Fleet, station_ids
from citrine_simulator.load import PacedFleet, Talk
from tests.clients.simulator.csms import Csms, Received


async def test_what_is_due_is_sent_and_answered(csms: Csms) -> None:
    marks: list[str] = []

    async with PacedFleet.connected(Fleet(csms.url, dict.fromkeys(station_ids("P-", 4), "secret"))) as fleet:
        result = await fleet.run(
            Talk.HEARTBEATS, 100, 0.5, 0.1, lambda: marks.append("opened"), lambda: marks.append("closed")
        )

    assert marks == ["opened", "closed"]
    assert result.errors == {}
    assert result.unanswered == 0
    assert 40 <= result.due <= 60
    assert result.per_second == pytest.approx(100, rel=0.3)
    assert {call.station_id for call in csms.calls} == set(station_ids("P-", 4))


async def test_every_talk_says_what_the_schemas_allow(csms: Csms) -> None:
    async with PacedFleet.connected(Fleet(csms.url, dict.fromkeys(station_ids("P-", 12)))) as fleet:
        for talk in Talk:
            result = await fleet.run(talk, None, 0.2, 0.0)
            assert (result.errors, result.unanswered) == ({}, 0)
            assert result.answered > 0

    assert csms.problems == []
    samples = {len(event["meterValue"][0]["sampledValue"]) for event in csms.of("TransactionEvent")}
    assert samples == {1, 3, 6}
    assert {len(value["meterValue"][0]["sampledValue"]) for value in csms.of("MeterValues")} == {6}
    for event in csms.of("TransactionEvent"):
        assert ("idToken" in event) == (event["eventType"] != "Updated")


async def test_stations_of_1_6_say_the_same_in_their_words(csms: Csms) -> None:
    """A transaction has the number that the answer to its start gave it."""
    fleet16 = Fleet(csms.url, dict.fromkeys(station_ids("P-", 3)), versions=["1.6"])
    async with PacedFleet.connected(fleet16) as fleet:
        for talk in Talk:
            result = await fleet.run(talk, None, 0.2, 0.0)
            assert (result.errors, result.unanswered) == ({}, 0)
            assert result.answered > 0

    assert csms.problems == []
    values = csms.of("MeterValues")
    assert {len(value["meterValue"][0]["sampledValue"]) for value in values} == {3, 6}
    assert {"transactionId" in value for value in values} == {True, False}
    numbers = [stop["transactionId"] for stop in csms.of("StopTransaction")]
    assert len(set(numbers)) == len(numbers) > 3
    assert {value.get("transactionId") for value in values} >= set(numbers)
    assert 0 not in numbers


async def test_stations_are_at_different_points_of_their_transactions(csms: Csms) -> None:
    async with PacedFleet.connected(Fleet(csms.url, dict.fromkeys(station_ids("P-", 11)))) as fleet:
        await fleet.begin(Talk.TRANSACTIONS)

    last = {call.station_id: _point(call) for call in csms.calls}
    assert len(set(last.values())) == 11


def _point(call: Received) -> tuple[str, Any]:
    return call.action, call.payload.get("seqNo", call.payload.get("connectorStatus"))


async def test_a_wait_is_measured_from_the_time_at_which_a_message_was_due(csms: Csms) -> None:
    release = asyncio.Event()

    async def answer(call: Received) -> dict[str, Any]:
        await release.wait()
        return {"currentTime": "2026-01-01T00:00:00Z"}

    csms.scripts["Heartbeat"] = answer

    async with PacedFleet.connected(Fleet(csms.url, {"P-1": None})) as fleet:
        result = await fleet.run(Talk.HEARTBEATS, 100, 0.5, 0.0, closed=release.set)

    # One was on its way the whole time; those that fell due behind it had to wait, too.
    assert 40 <= result.due <= 60
    assert result.answered <= 1
    assert result.latency_ms.worst > 450
    assert 100 < result.latency_ms.p50 < result.latency_ms.worst


async def test_errors_are_counted(csms: Csms) -> None:
    csms.scripts["Heartbeat"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'

    async with PacedFleet.connected(Fleet(csms.url, {"P-1": None})) as fleet:
        result = await fleet.run(Talk.HEARTBEATS, 20, 0.2, 0.0)

    assert result.errors["InternalError"] > 0
    assert result.answered == 0
