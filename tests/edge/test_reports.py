"""What cores are told, and whether it reaches them."""

import asyncio
from collections.abc import Sequence

import pytest

from citrine.ocpp.v2 import provisioning_pb2
from citrine_edge.link import Link
from citrine_edge.metrics import Metrics
from citrine_edge.reports import Reports
from tests.edge.conftest import RunningEdge
from tests.support.fake_core import FakeCore

RESET = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE)


def link_to(core_id: str) -> Link:
    link = Link("127.0.0.1:1", "", None, Metrics())  # type: ignore[arg-type]  # not used
    link.core_id, link.up, link.serving = core_id, True, True
    return link


def queue(link: Link) -> Sequence[bytes]:
    return list(link._queue)


async def test_result_that_was_not_read_before_the_link_was_lost_is_told_again(
    core: FakeCore, edge: RunningEdge
) -> None:
    async with edge.station() as station:
        core.command((await core.next("opened")).session, "c1", RESET)
        await station.receive()
        await core.next("command_sent")
        (link,) = edge.edge.router.links
        link.push = lambda item, **_: link.reset()  # type: ignore[method-assign]  # lost with what was to be written
        await station.send([3, "c1", {"status": "Accepted"}])
        await edge.until(lambda: not link.up)
        del link.push

        assert (await core.next("command_result")).id == "c1"


async def test_what_a_lost_link_was_told_comes_before_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = link_to("A"), link_to("B")
    reports = Reports([first, second], Metrics(), asyncio.get_running_loop())
    reports.send(first, b"1")
    reports.send(second, b"other")
    first.up = False
    reports.send_to_core("A", b"2")
    reports.link_ended(first)
    reports.flush()
    assert queue(second) == [b"other"]

    monkeypatch.setattr("citrine_edge.reports.PATIENCE", 0.0)
    reports.flush()

    assert queue(second) == [b"other", b"1", b"2"]


async def test_what_was_told_long_ago_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.reports.RESEND_WITHIN", 0.0)
    first = link_to("A")
    reports = Reports([first], Metrics(), asyncio.get_running_loop())
    reports.send(first, b"1")
    reports.link_ended(first)
    reports.flush()

    assert queue(first) == [b"1"]


async def test_reports_that_nobody_takes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citrine_edge.reports.MAX_REPORTS", 2)
    metrics = Metrics()
    first = link_to("A")
    first.up = False
    reports = Reports([first], metrics, asyncio.get_running_loop())
    for each in (b"1", b"2", b"3"):
        reports.retain(each)
    first.up = True
    reports.flush()

    assert queue(first) == [b"2", b"3"]
    assert b'dropped_total{reason="report"} 1.0' in metrics.render()
