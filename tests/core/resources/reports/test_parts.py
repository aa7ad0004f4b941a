"""Parts of reports that OCPP gives no numbers, uploads of logs, and what comes when nothing is expected."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.common_pb2 import COMMAND_STATE_TIMED_OUT
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2.display_message_pb2 import MessageInfo, NotifyDisplayMessagesRequest
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import CommandEnd, Failed
from citrine_core.resources.reports import (
    Part,
    ReportRun,
    end_run,
    part_refused,
    report_answered,
    report_failed,
    store_parts,
)
from tests.support.blocks import NOW, answered, events
from tests.support.event_words import name_in
from tests.support.statements import statements

MESSAGES = pb.REPORT_KIND_DISPLAY_MESSAGES
LOG = pb.REPORT_KIND_LOG


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def messages(number: int, seconds: int = 0, *, last: bool = False) -> Part:
    message = NotifyDisplayMessagesRequest(request_id=7, message_info=[MessageInfo(id=number)], tbc=not last)
    return Part("default", "CS-1", 7, None, last, 1, message, at(seconds))


def upload(status: ocpp.UploadLogStatusEnum.ValueType, name: str, seconds: int, *, failed: bool = False) -> Part:
    message = ocpp.LogStatusNotificationRequest(request_id=7, status=status)
    last = name != "Uploading"
    problem = "no room" if failed else ""
    return Part("default", "CS-1", 7, None, last, 0, message, at(seconds), name, failed, problem)


async def take(unit_of_work: UnitOfWorkFactory, kind: pb.ReportKind.ValueType, parts: Sequence[Part]) -> list[bool]:
    async with unit_of_work() as work:
        fresh = await store_parts(work, kind, parts)
        await work.commit()
    return fresh


async def run_of(unit_of_work: UnitOfWorkFactory, kind: int) -> ReportRun:
    async with unit_of_work(read_only=True) as work:
        return await work.session.get_one(ReportRun, ("default", "CS-1", kind, 7))


async def accept(unit_of_work: UnitOfWorkFactory, kind: pb.ReportKind.ValueType, seconds: int) -> None:
    async with unit_of_work() as work:
        answer = answered(ocpp.GetLogRequest(), ocpp.GetLogResponse(), at(seconds))
        await report_answered(work, answer, kind, 7, True, "Accepted")
        await work.commit()


async def test_parts_without_numbers_are_counted_as_they_arrive(unit_of_work: UnitOfWorkFactory) -> None:
    await accept(unit_of_work, MESSAGES, 0)

    first = await take(unit_of_work, MESSAGES, [messages(1), messages(2), messages(1)])
    second = await take(unit_of_work, MESSAGES, [messages(2), messages(3, 1, last=True)])

    run = await run_of(unit_of_work, MESSAGES)
    assert (first, second) == ([True, True, False], [False, True])
    assert (run.state, run.parts, run.items, run.is_complete) == (pb.REPORT_STATE_COMPLETE, 3, 3, True)


async def test_part_after_the_last_one_goes_on_with_the_report(unit_of_work: UnitOfWorkFactory) -> None:
    """Some stations call every part the last one."""
    await take(unit_of_work, MESSAGES, [messages(1, last=True), messages(2, 1, last=True)])

    run = await run_of(unit_of_work, MESSAGES)
    assert (run.state, run.parts) == (pb.REPORT_STATE_COMPLETE, 2)

    await take(unit_of_work, MESSAGES, [messages(3, 3600, last=True)])

    run = await run_of(unit_of_work, MESSAGES)
    assert (run.state, run.parts, run.start_time) == (pb.REPORT_STATE_COMPLETE, 1, at(3600))


async def test_kinds_have_request_ids_of_their_own(unit_of_work: UnitOfWorkFactory) -> None:
    await accept(unit_of_work, LOG, 0)
    await take(unit_of_work, MESSAGES, [messages(1, last=True)])

    assert (await run_of(unit_of_work, LOG)).state == pb.REPORT_STATE_REQUESTED
    assert (await run_of(unit_of_work, MESSAGES)).state == pb.REPORT_STATE_COMPLETE


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("status", "name", "failed", "state"),
    [
        (ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOADED, "Uploaded", False, pb.REPORT_STATE_COMPLETE),
        (ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOAD_FAILURE, "UploadFailure", True, pb.REPORT_STATE_FAILED),
    ],
    ids=["uploaded", "failed"],
)
async def test_upload_ends_with_its_last_status(
    unit_of_work: UnitOfWorkFactory,
    status: ocpp.UploadLogStatusEnum.ValueType,
    name: str,
    failed: bool,
    state: pb.ReportState.ValueType,
) -> None:
    await accept(unit_of_work, LOG, 0)
    await take(unit_of_work, LOG, [upload(ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOADING, "Uploading", 1)])
    uploading = await run_of(unit_of_work, LOG)
    await take(unit_of_work, LOG, [upload(status, name, 2, failed=failed)])

    run = await run_of(unit_of_work, LOG)
    assert (uploading.state, uploading.status) == (pb.REPORT_STATE_RECEIVING, "Uploading")
    assert (run.state, run.status, run.problem, run.finish_time) == (state, name, "no room" if failed else "", at(2))
    assert [name_in(event.report_finished, "kind") for event in await events(unit_of_work)] == ["LOG"]


async def test_report_may_be_ended_from_outside_once(unit_of_work: UnitOfWorkFactory) -> None:
    await accept(unit_of_work, LOG, 0)

    ended = []
    for _ in range(2):
        async with unit_of_work() as work:
            state = pb.REPORT_STATE_FAILED
            ended.append(await end_run(work, "default", "CS-1", LOG, 7, state, at(1), status="AcceptedCanceled"))
            await work.commit()

    run = await run_of(unit_of_work, LOG)
    assert ended == [True, False]
    assert (run.state, run.status, run.finish_time) == (pb.REPORT_STATE_FAILED, "AcceptedCanceled", at(1))


async def test_failure_after_parts_came_leaves_the_report(unit_of_work: UnitOfWorkFactory) -> None:
    """The station sends, and its answer was lost."""
    async with unit_of_work() as work:
        work.session.add(
            ReportRun(
                tenant_id="default", station_id="CS-1", kind=LOG, request_id=7, state=pb.REPORT_STATE_REQUESTED,
                create_time=at(0), request_time=at(0), active_time=at(0), parts=0, items=0, status="", problem="",
            )
        )  # fmt: skip
        await work.commit()
    await take(unit_of_work, LOG, [upload(ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOADING, "Uploading", 1)])

    async with unit_of_work() as work:
        failed = Failed(
            "default",
            "CS-1",
            "c-1",
            ocpp.GetLogRequest(),
            COMMAND_STATE_TIMED_OUT,
            "Timeout",
            "no answer",
            at(30),
            CommandEnd.UNCERTAIN,
        )
        await report_failed(work, failed, LOG, 7)
        await work.commit()

    run = await run_of(unit_of_work, LOG)
    assert (run.state, run.problem, run.finish_time) == (pb.REPORT_STATE_RECEIVING, "no answer", None)


async def test_a_handful_of_statements_takes_any_number_of_parts(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    with statements(engine) as seen:
        await take(unit_of_work, MESSAGES, [messages(number, last=number == 199) for number in range(200)])

    assert len(seen) <= 10, [statement for statement, _ in seen]
    assert (await run_of(unit_of_work, MESSAGES)).parts == 200


async def refuse(unit_of_work: UnitOfWorkFactory, kind: pb.ReportKind.ValueType) -> None:
    async with unit_of_work() as work:
        await part_refused(work, "default", "CS-1", kind, [7, 8], "FormatViolation /x is not in the schema", at(5))
        await work.commit()


async def test_a_report_with_a_refused_part_has_failed_whatever_comes(unit_of_work: UnitOfWorkFactory) -> None:
    await take(unit_of_work, MESSAGES, [messages(1)])
    await refuse(unit_of_work, MESSAGES)
    await take(unit_of_work, MESSAGES, [messages(3, 10, last=True)])

    run = await run_of(unit_of_work, MESSAGES)

    assert (run.state, run.finish_time) == (pb.REPORT_STATE_FAILED, at(5))
    assert run.problem == "a part of it was refused: FormatViolation /x is not in the schema"
    told = [name_in(event.report_finished, "state") for event in await events(unit_of_work)]
    assert told == ["FAILED"]


async def test_a_numbered_report_is_complete_where_the_refused_part_comes_again(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    kind = pb.REPORT_KIND_MONITORING

    def part(number: int) -> Part:
        message = ocpp.NotifyMonitoringReportRequest(request_id=7, seq_no=number)
        return Part("default", "CS-1", 7, number, number == 1, 1, message, at(number))

    await take(unit_of_work, kind, [part(0)])
    await refuse(unit_of_work, kind)
    assert (await run_of(unit_of_work, kind)).state == pb.REPORT_STATE_FAILED
    await take(unit_of_work, kind, [part(1)])

    run = await run_of(unit_of_work, kind)

    assert (run.state, run.problem, run.refused_parts) == (pb.REPORT_STATE_COMPLETE, "", 0)
