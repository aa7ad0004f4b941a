"""Reports of which nothing more comes end by themselves, and are forgotten one day."""

from datetime import datetime, timedelta

import pytest

from citrine.api.v1 import reports_pb2 as pb
from citrine.ocpp.v2.provisioning_pb2 import NotifyReportRequest
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.reports import Part, ReportExpiry, ReportRun, store_parts
from tests.support.blocks import NOW, events, services_of
from tests.support.event_words import name_in

DEVICE_MODEL = pb.REPORT_KIND_DEVICE_MODEL
DAY = 24 * 3600


async def receive(
    unit_of_work: UnitOfWorkFactory,
    seq_no: int,
    seconds: int = 0,
    *,
    last: bool = False,
    kind: pb.ReportKind.ValueType = DEVICE_MODEL,
) -> None:
    time = NOW + timedelta(seconds=seconds)
    async with unit_of_work() as work:
        part = Part("default", "CS-1", 1, seq_no, last, 1, NotifyReportRequest(seq_no=seq_no), time)
        await store_parts(work, kind, [part])
        await work.commit()


async def expire(unit_of_work: UnitOfWorkFactory, seconds: int) -> None:
    await expiry(unit_of_work, seconds).expire()


def expiry(unit_of_work: UnitOfWorkFactory, seconds: int) -> ReportExpiry:
    def clock() -> datetime:
        return NOW + timedelta(seconds=seconds)

    return ReportExpiry(services_of(unit_of_work, clock))


async def run_of(unit_of_work: UnitOfWorkFactory, kind: int = DEVICE_MODEL) -> ReportRun | None:
    async with unit_of_work(read_only=True) as work:
        return await work.session.get(ReportRun, ("default", "CS-1", kind, 1))


async def states(unit_of_work: UnitOfWorkFactory) -> list[str]:
    return [name_in(event.report_finished, "state") for event in await events(unit_of_work)]


async def test_report_expires_when_no_part_came_for_long(unit_of_work: UnitOfWorkFactory) -> None:
    await receive(unit_of_work, 0)
    await receive(unit_of_work, 1, 500)
    await expire(unit_of_work, 1099)
    before = await run_of(unit_of_work)
    await expire(unit_of_work, 1101)
    await expire(unit_of_work, 1102)

    run = await run_of(unit_of_work)
    assert before is not None
    assert run is not None
    assert (before.state, before.finish_time) == (pb.REPORT_STATE_RECEIVING, None)
    assert (run.state, run.finish_time) == (pb.REPORT_STATE_EXPIRED, NOW + timedelta(seconds=1101))
    assert await states(unit_of_work) == ["EXPIRED"]


async def test_part_that_comes_too_late_is_taken(unit_of_work: UnitOfWorkFactory) -> None:
    await receive(unit_of_work, 0)
    await expire(unit_of_work, 1000)
    await receive(unit_of_work, 1, 2000, last=True)

    run = await run_of(unit_of_work)
    assert run is not None
    assert (run.state, run.parts) == (pb.REPORT_STATE_COMPLETE, 2)
    assert await states(unit_of_work) == ["EXPIRED", "COMPLETE"]


async def test_gap_that_nobody_fills_stays_one(unit_of_work: UnitOfWorkFactory) -> None:
    await receive(unit_of_work, 1, last=True)
    await expire(unit_of_work, 59)
    before = await run_of(unit_of_work)
    await expire(unit_of_work, 61)

    run = await run_of(unit_of_work)
    assert before is not None
    assert run is not None
    assert (before.state, before.finish_time) == (pb.REPORT_STATE_GAP, None)
    assert (run.state, run.finish_time) == (pb.REPORT_STATE_GAP, NOW + timedelta(seconds=61))
    assert await states(unit_of_work) == ["GAP"]


async def test_uploads_are_waited_for_longer(unit_of_work: UnitOfWorkFactory) -> None:
    await receive(unit_of_work, 0, kind=pb.REPORT_KIND_LOG)
    await expire(unit_of_work, DAY - 1)
    before = await run_of(unit_of_work, pb.REPORT_KIND_LOG)
    await expire(unit_of_work, DAY + 1)
    after = await run_of(unit_of_work, pb.REPORT_KIND_LOG)

    assert before is not None
    assert after is not None
    assert (before.state, after.state) == (pb.REPORT_STATE_RECEIVING, pb.REPORT_STATE_EXPIRED)


@pytest.mark.parametrize(("days", "kept"), [(89, True), (91, False)], ids=["young", "old"])
async def test_old_reports_are_forgotten(unit_of_work: UnitOfWorkFactory, days: int, kept: bool) -> None:
    await receive(unit_of_work, 0, last=True)

    await expiry(unit_of_work, days * DAY).forget()

    assert (await run_of(unit_of_work) is not None) == kept
