"""What is refused is counted at the edge and told to the core in bounds; what is tolerated passes."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.dialects import Hardware
from citrine_edge.metrics import Metrics
from citrine_edge.ocppj import Call, Code, RpcError
from citrine_edge.refusals import MAX_FRAME, MAX_PER_STATION, MAX_STATIONS, Refusals
from citrine_edge.tolerances import Tolerances
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore
from tests.support.raw_station import RawStation

REF = pb.SessionRef(tenant_id="default", station_id="CS1", epoch=1)
TIME = "2025-01-31T12:00:00Z"
REFUSED = pb.Refusal.OUTCOME_REFUSED


@pytest.fixture
async def refusals() -> Refusals:
    return Refusals(Metrics(), asyncio.get_running_loop(), iter_clock())


def iter_clock() -> Any:
    times: Iterator[int] = iter(range(1_000_000_000, 10**13, 1_000_000_000))
    return lambda: next(times)


def flushed(refusals: Refusals) -> list[pb.Refusals]:
    sent: list[pb.Refusals] = []

    def offer(_key: tuple[str, str], data: bytes) -> bool:
        sent.append(pb.Upstream.FromString(data).refusals)
        return True

    refusals.flush(offer, now=True)
    return sent


def defect(path: str = "/a/0/b") -> RpcError:
    return RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"{path} is odd", path=path)


async def test_what_is_alike_is_counted_together(refusals: Refusals) -> None:
    for number in range(5):
        payload = {"requestId": number, "seqNo": number}
        call = Call(str(number), "NotifyReport", payload)
        refusals.add(REF, REFUSED, "NotifyReport", defect(f"/reportData/{number}/component"), call)

    (item,) = flushed(refusals)

    (refusal,) = item.refusals
    assert item.session == REF
    assert (refusal.count, refusal.path) == (5, "/reportData/*/component")
    assert refusal.description == "/reportData/4/component is odd"
    assert json.loads(refusal.last_frame) == [2, "4", "NotifyReport", {"requestId": 4, "seqNo": 4}]
    assert list(refusal.request_ids) == [0, 1, 2, 3, 4]
    assert refusal.first_time.seconds < refusal.last_time.seconds
    assert flushed(refusals) == []


async def test_a_flood_is_bounded(refusals: Refusals) -> None:
    for number in range(1000):
        refusals.add(REF, REFUSED, f"Odd{number}", defect())

    (item,) = flushed(refusals)

    assert len(item.refusals) == MAX_PER_STATION + 1
    others = item.refusals[-1]
    assert (others.action, others.code, others.count) == ("*", "*", 1000 - MAX_PER_STATION)


async def test_many_stations_take_turns(refusals: Refusals) -> None:
    for number in range(MAX_STATIONS + 1):
        refusals.add(pb.SessionRef(tenant_id="default", station_id=f"CS{number}", epoch=1), REFUSED, "Reset", defect())

    assert [len(flushed(refusals)) for _ in range(3)] == [MAX_STATIONS, 1, 0]


async def test_what_no_core_takes_waits(refusals: Refusals) -> None:
    refusals.add(REF, REFUSED, "Reset", defect())
    refusals.flush(lambda _key, _data: False, now=True)
    refusals.add(REF, REFUSED, "Reset", defect())

    (item,) = flushed(refusals)

    assert item.refusals[0].count == 2


async def test_secrets_are_masked_and_long_frames_cut(refusals: Refusals) -> None:
    secret = {"variable": {"name": "BasicAuthPassword"}, "attributeValue": "very-secret"}
    refusals.add(REF, REFUSED, "Odd", defect(), Call("1", "Odd", {"data": [secret]}))
    refusals.add(REF, REFUSED, "Long", defect(), Call("1", "Long", {"data": "x" * 100_000}))

    (item,) = flushed(refusals)

    assert "very-secret" not in item.refusals[0].last_frame
    assert len(item.refusals[1].last_frame) == MAX_FRAME


async def refusal(core: FakeCore) -> pb.Refusal:
    """Return the first that a core is told next."""
    found: pb.Refusal = (await core.next("refusals")).refusals[0]
    return found


async def test_a_refused_ended_says_so(core: FakeCore, station: RawStation) -> None:
    payload = {"eventType": "Ended", "timestamp": TIME, "triggerReason": "Odd", "seqNo": 1, "transactionInfo": {}}
    await station.ask("TransactionEvent", payload)

    found = await refusal(core)

    assert (found.action, found.event_type, found.outcome) == ("TransactionEvent", "Ended", REFUSED)


async def test_what_the_core_refuses_counts_too(core: FakeCore, station: RawStation) -> None:
    core.reply = lambda call: pb.CallError(code="InternalError", description="the message could not be processed")
    await station.ask("Heartbeat", {})

    found = await refusal(core)

    assert (found.action, found.code, found.description) == (
        "Heartbeat",
        "InternalError",
        "the message could not be processed",
    )


@pytest.mark.parametrize(
    ("frame", "action", "code"),
    [
        ("{", "", "RpcFrameworkError"),
        ([2, "1", "CustomOperation", {}], "CustomOperation", "NotImplemented"),
        ([2, "1", "Authorize", {}], "Authorize", "OccurrenceConstraintViolation"),
        ("[" * 900 + "]" * 900, "", "RpcFrameworkError"),
    ],
)
async def test_each_kind_of_refusal_is_told(
    core: FakeCore, station: RawStation, frame: Any, action: str, code: str
) -> None:
    await station.send(frame)

    found = await refusal(core)

    assert (found.action, found.code, found.count) == (action, code, 1)


async def test_an_answer_to_nothing_is_dropped_and_told(core: FakeCore, station: RawStation) -> None:
    await station.send([3, "nothing", {}])

    found = await refusal(core)

    assert (found.outcome, found.action) == (pb.Refusal.OUTCOME_DROPPED, "CALLRESULT")


async def test_a_message_that_is_too_large_is_told(core: FakeCore) -> None:
    async with running_edge(core, ocpp_max_frame=1024) as edge, edge.station() as station:
        await station.send("x" * 2000)
        with pytest.raises(ConnectionClosed):
            await station.receive()

        found = await refusal(core)

    assert found.description == "the message is larger than 1024 bytes"


async def test_a_station_that_is_slowed_down_is_told(core: FakeCore) -> None:
    async with running_edge(core, ocpp_frame_rate=5.0) as edge, edge.station() as station:
        for _ in range(15):
            await station.send([3, "x", {}])

        outcomes = {each.outcome for each in (await core.next("refusals")).refusals}

    assert pb.Refusal.OUTCOME_DELAYED in outcomes


async def test_what_is_not_told_yet_is_told_when_the_edge_stops(core: FakeCore) -> None:
    async with running_edge(core, edge_hold_time=timedelta(seconds=60)) as edge:
        async with edge.station() as station:
            await station.ask("CustomOperation", {})
        edge.stop()

        assert (await refusal(core)).action == "CustomOperation"


def rule(**more: Any) -> pb.ToleranceRule:
    given = {"tenant_id": "default", "rule_id": "extra", "actions": ["Heartbeat"], **more}
    return pb.ToleranceRule(**given, kinds=[pb.ToleranceRule.KIND_EXTRA_FIELDS])


async def test_rules_are_for_vendor_model_and_firmware() -> None:
    tolerances = Tolerances()
    rules = [
        rule(rule_id="a", vendor_name="Acme"),
        rule(rule_id="b", model="Two"),
        rule(rule_id="c", firmware_version="V1.2"),
        rule(rule_id="d", firmware_version="v1.*"),
        rule(),
    ]
    tolerances.replace(pb.ToleranceRules(rules=rules))

    def names(tenant_id: str, *hardware: str) -> list[str]:
        return [each.rule_id for each in tolerances.of_station(tenant_id, Hardware(*hardware))]

    assert names("default", "ACME", "one") == ["a", "extra"]
    assert names("default", "Other", "two") == ["b", "extra"]
    assert names("default", "Other", "one", "v1.2") == ["c", "d", "extra"]
    assert names("default", "Other", "one", "V1.20") == ["d", "extra"]
    assert names("default", "Other", "one", "2.0") == ["extra"]
    assert names("default") == ["extra"]
    tolerances.replace(pb.ToleranceRules(rules=[rule(vendor_name="A vendor with a very long name")]))
    assert names("default", "A vendor with a very") == ["extra"]
    assert names("default", "A vendor") == []
    tolerances.replace(pb.ToleranceRules(rules=rules))
    assert names("other", "ACME", "Two") == []
    tolerances.replace(pb.ToleranceRules())
    assert names("default", "ACME", "one") == []


async def test_rules_hold_once_they_are_told_and_no_longer_than_that(
    edge: RunningEdge, core: FakeCore, station: RawStation
) -> None:
    boot = {"reason": "PowerUp", "chargingStation": {"model": "One", "vendorName": "Acme"}}
    odd = {"vendorThing": 1}
    before = await station.ask("Heartbeat", odd)
    core.send(tolerance_rules=pb.ToleranceRules(rules=[rule(vendor_name="acme", model="ONE")]))
    await edge.until(lambda: edge.edge.router.tolerances.of_station("default", Hardware("Acme", "One")))
    unknown = await station.ask("Heartbeat", odd)
    await station.result("BootNotification", boot)
    tolerated = await station.ask("Heartbeat", odd)
    core.send(tolerance_rules=pb.ToleranceRules())
    await edge.until(lambda: not edge.edge.router.tolerances.of_station("default", Hardware("Acme", "One")))
    after = await station.ask("Heartbeat", odd)

    assert [before[0], unknown[0], tolerated[0], after[0]] == [4, 4, 3, 4]
    counts: dict[tuple[int, str], int] = {}
    while sum(counts.values()) < 4:
        for each in (await core.next("refusals")).refusals:
            key = (each.outcome, each.rule_id)
            counts[key] = counts.get(key, 0) + each.count
    assert counts == {(REFUSED, ""): 3, (pb.Refusal.OUTCOME_TOLERATED, "extra"): 1}
