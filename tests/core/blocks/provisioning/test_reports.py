"""Reports arrive in parts: in any order, again, under a request id of before, and without having been asked for."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import reports_pb2 as pb
from citrine.api.v1.common_pb2 import COMMAND_STATE_TIMED_OUT
from citrine.events.v1.events_pb2 import ReportFinished
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from citrine.ocpp.v2.types_pb2 import GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED as AGREED
from citrine.ocpp.v2.types_pb2 import GENERIC_DEVICE_MODEL_STATUS_ENUM_REJECTED as REFUSED
from citrine_core.blocks.provisioning import ReportedVariable
from citrine_core.blocks.provisioning.handlers import ProvisioningHandlers
from citrine_core.blocks.provisioning.reports import ReportHandlers
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import Call, CommandEnd, Failed
from citrine_core.events import write_events
from citrine_core.resources.reports import ReportPart, ReportRun
from tests.support.blocks import NOW, answered, call_of, events, handle, services_of, stamp
from tests.support.databases import somebody_waits
from tests.support.event_words import name_in
from tests.support.statements import statements

DEVICE_MODEL = pb.REPORT_KIND_DEVICE_MODEL


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def data(name: str, value: str | None = "1", **component: object) -> ocpp.ReportData:
    return ocpp.ReportData(
        component=Component(name="EVSE", evse=EVSE(id=1)),
        variable=Variable(name=name),
        variable_attribute=[ocpp.VariableAttribute(value=value)],
    )


def part(
    seq_no: int,
    *,
    last: bool = False,
    request_id: int = 7,
    run: int = 0,
    seconds: int = 0,
    station_id: str = "CS-1",
    names: Sequence[str] | None = None,
) -> Call[ocpp.NotifyReportRequest]:
    """Return a part with one variable. Parts of different runs were generated at different times."""
    report_data = [data(name, str(run)) for name in (names if names is not None else [f"V{seq_no}"])]
    request = ocpp.NotifyReportRequest(
        request_id=request_id, seq_no=seq_no, generated_at=stamp(at(run)), report_data=report_data, tbc=not last
    )
    return call_of(request, station_id, at(seconds))


@pytest.fixture
def handlers(unit_of_work: UnitOfWorkFactory) -> ReportHandlers:
    return ReportHandlers(services_of(unit_of_work))


async def agree(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers, seconds: int, status: int = AGREED) -> None:
    """Have the station answer a GetBaseReport."""
    request = ocpp.GetBaseReportRequest(request_id=7, report_base=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY)
    response = ocpp.GetBaseReportResponse(status=status)  # type: ignore[arg-type]  # the number of a status
    await handle(unit_of_work, handlers.base_report_answered, answered(request, response, at(seconds)))


async def run_of(unit_of_work: UnitOfWorkFactory, station_id: str = "CS-1") -> ReportRun:
    async with unit_of_work(read_only=True) as work:
        return await work.session.get_one(ReportRun, ("default", station_id, DEVICE_MODEL, 7))


async def finished(unit_of_work: UnitOfWorkFactory) -> list[tuple[str, int]]:
    found: list[ReportFinished] = [event.report_finished for event in await events(unit_of_work)]
    return [(name_in(report, "state"), report.items) for report in found]


async def values(unit_of_work: UnitOfWorkFactory) -> dict[str, str | None]:
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(ReportedVariable))
        return {row.variable: row.value for row in rows}


async def test_report_is_complete_with_its_last_part(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    await agree(unit_of_work, handlers, 0)
    await handle(unit_of_work, handlers.notify_reports, [part(0, seconds=1)])
    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.request_time, run.start_time) == (False, 1, at(0), at(1))

    await handle(unit_of_work, handlers.notify_reports, [part(1, last=True, seconds=2)])

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.items) == (True, 2, 2)
    assert (run.start_time, run.update_time) == (at(1), at(2))
    assert await finished(unit_of_work) == [("COMPLETE", 2)]
    assert await values(unit_of_work) == {"V0": "0", "V1": "0"}


async def test_report_that_was_refused_is_not_expected(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    await agree(unit_of_work, handlers, 0, REFUSED)

    run = await run_of(unit_of_work)
    assert (run.state, run.status, run.finish_time) == (pb.REPORT_STATE_REFUSED, "Rejected", at(0))
    assert await finished(unit_of_work) == [("REFUSED", 0)]


async def test_refusal_leaves_the_report_of_before(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    await agree(unit_of_work, handlers, 0)
    await handle(unit_of_work, handlers.notify_reports, [part(0, last=True, seconds=1)])

    await agree(unit_of_work, handlers, 10, REFUSED)

    run = await run_of(unit_of_work)
    assert (run.state, run.status, run.parts) == (pb.REPORT_STATE_COMPLETE, "Accepted", 1)


async def test_failure_of_what_nobody_waits_for_changes_nothing(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    await handle(unit_of_work, handlers.notify_reports, [part(0, last=True)])

    failed = Failed(
        "default",
        "CS-1",
        "command-1",
        ocpp.GetReportRequest(request_id=7),
        COMMAND_STATE_TIMED_OUT,
        "Timeout",
        "",
        NOW,
        CommandEnd.UNCERTAIN,
    )
    await handle(unit_of_work, handlers.report_failed, failed)

    assert (await run_of(unit_of_work)).state == pb.REPORT_STATE_COMPLETE


async def test_secrets_are_not_kept(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    call = part(0, last=True, names=["BasicAuthPassword", "Identity"])

    await handle(unit_of_work, handlers.notify_reports, [call])

    async with unit_of_work(read_only=True) as work:
        message = await work.session.scalar(select(ReportPart.message))
    kept = ocpp.NotifyReportRequest.FromString(message or b"")
    assert [data.variable_attribute[0].value for data in kept.report_data] == ["********", "0"]
    assert await values(unit_of_work) == {"BasicAuthPassword": None, "Identity": "0"}


async def test_report_that_nobody_asked_for_is_stored(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    await handle(unit_of_work, handlers.notify_reports, [part(0, last=True)])

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.request_time, run.items) == (True, None, 1)


async def test_part_that_comes_again_has_no_second_effect(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    """A value that was read in between stays."""
    parts = [part(0), part(1, last=True)]
    await handle(unit_of_work, handlers.notify_reports, parts)
    read = ocpp.GetVariableResult(
        attribute_status=ocpp.GET_VARIABLE_STATUS_ENUM_ACCEPTED,
        component=Component(name="EVSE", evse=EVSE(id=1)),
        variable=Variable(name="V0"),
        attribute_value="newer",
    )
    response = ocpp.GetVariablesResponse(get_variable_result=[read])
    await handle(
        unit_of_work,
        ProvisioningHandlers(services_of(unit_of_work)).variables_read,
        answered(ocpp.GetVariablesRequest(), response),
    )

    await handle(unit_of_work, handlers.notify_reports, [*parts, parts[0]])

    run = await run_of(unit_of_work)
    assert (run.parts, run.items) == (2, 2)
    assert await finished(unit_of_work) == [("COMPLETE", 2)]
    assert await values(unit_of_work) == {"V0": "newer", "V1": "0"}


async def test_known_gap_is_told_and_filled(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    await handle(unit_of_work, handlers.notify_reports, [part(0), part(2, last=True)])
    assert not (await run_of(unit_of_work)).is_complete

    await handle(unit_of_work, handlers.notify_reports, [part(1)])

    assert (await run_of(unit_of_work)).is_complete
    assert await finished(unit_of_work) == [("GAP", 2), ("COMPLETE", 3)]


async def test_parts_may_come_in_any_order(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    orders = list(itertools.permutations(range(4)))

    for number, order in enumerate(orders):
        parts = [part(seq_no, last=seq_no == 3, station_id=f"CS-{number}") for seq_no in order]
        await handle(unit_of_work, handlers.notify_reports, parts[:2])
        await handle(unit_of_work, handlers.notify_reports, [*parts[2:], *parts])

    for number, order in enumerate(orders):
        run = await run_of(unit_of_work, f"CS-{number}")
        assert (run.is_complete, run.parts, run.items) == (True, 4, 4), order


async def test_request_id_of_before_begins_a_new_report(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    """People ask with the same number again and again."""
    await agree(unit_of_work, handlers, 0)
    await handle(unit_of_work, handlers.notify_reports, [part(0, seconds=1), part(1, last=True, seconds=2)])
    await agree(unit_of_work, handlers, 10)
    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.items, run.start_time) == (False, 0, 0, None)

    await handle(unit_of_work, handlers.notify_reports, [part(0, run=1, last=True, seconds=11)])

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.items, run.start_time) == (True, 1, 1, at(11))
    # V1 is not in the new inventory (B07.FR.08).
    assert await values(unit_of_work) == {"V0": "1"}


async def test_parts_of_the_batch_that_brings_the_answer_count(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    """Calls are handled before answers within a batch, although the answer came first."""
    await agree(unit_of_work, handlers, 0)
    await handle(unit_of_work, handlers.notify_reports, [part(0, seconds=1)])
    async with unit_of_work() as work:
        await handlers.notify_reports(work, [part(0, run=1, seconds=11), part(1, run=1, last=True, seconds=12)])
        request = ocpp.GetBaseReportRequest(request_id=7)
        await handlers.base_report_answered(work, answered(request, ocpp.GetBaseReportResponse(status=AGREED), at(10)))
        await work.commit()

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.request_time) == (True, 2, at(10))


async def test_part_that_came_before_the_answer_counts(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    """Some stations send before they answer."""
    await handle(unit_of_work, handlers.notify_reports, [part(0, seconds=1)])
    await agree(unit_of_work, handlers, 2)
    await handle(unit_of_work, handlers.notify_reports, [part(1, last=True, seconds=3)])

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.request_time) == (True, 2, at(2))


async def test_station_that_begins_anew_is_followed(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    await handle(unit_of_work, handlers.notify_reports, [part(0), part(1)])
    await handle(unit_of_work, handlers.notify_reports, [part(0, run=1), part(1, run=1, last=True)])

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.items) == (True, 2, 2)
    assert await values(unit_of_work) == {"V0": "1", "V1": "1"}


async def test_reports_of_many_stations_in_one_batch(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    calls = [part(seq_no, last=seq_no == 1, station_id=f"CS-{n}") for seq_no in (0, 1) for n in range(20)]

    await handle(unit_of_work, handlers.notify_reports, calls)

    for n in range(20):
        assert (await run_of(unit_of_work, f"CS-{n}")).is_complete


async def test_number_of_statements_does_not_grow_with_the_report(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine, handlers: ReportHandlers
) -> None:
    """2,000 variables in one part, in forty parts one by one, and in forty parts of one batch."""
    names = [f"N{number}" for number in range(2000)]
    forty = [
        [
            part(seq_no, last=seq_no == 39, station_id=station_id, names=names[seq_no * 50 : seq_no * 50 + 50])
            for seq_no in range(40)
        ]
        for station_id in ("CS-2", "CS-3")
    ]

    counts = []
    for calls in ([part(0, last=True, names=names)], *([call] for call in forty[0]), forty[1]):
        with statements(engine) as seen:
            await handle(unit_of_work, handlers.notify_reports, calls)
        counts.append(len(seen))

    assert max(counts) <= 12, counts
    async with unit_of_work(read_only=True) as work:
        assert await work.session.scalar(select(func.count()).select_from(ReportedVariable)) == 6000
    for station_id in ("CS-1", "CS-2", "CS-3"):
        run = await run_of(unit_of_work, station_id)
        assert (run.is_complete, run.items) == (True, 2000)


async def test_seq_no_of_two_billion_is_one_part(unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers) -> None:
    await handle(unit_of_work, handlers.notify_reports, [part(2**31 - 1, last=True, request_id=7)])

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.last_seq_no) == (False, 1, 2**31 - 1)


async def test_the_answer_and_the_first_part_may_meet_at_two_cores(postgres_engine: AsyncEngine) -> None:
    """The answer goes to the core that asked, the report to the one that serves the station."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    handlers = ReportHandlers(services_of(unit_of_work))
    await agree(unit_of_work, handlers, 0)
    await handle(unit_of_work, handlers.notify_reports, [part(0, seconds=1), part(1, last=True, seconds=1)])

    request = ocpp.GetBaseReportRequest(request_id=7, report_base=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY)
    async with unit_of_work() as work:
        agreed = answered(request, ocpp.GetBaseReportResponse(status=AGREED), at(100))
        await handlers.base_report_answered(work, agreed)
        await work.session.flush()
        reporting = asyncio.create_task(handle(unit_of_work, handlers.notify_reports, [part(0, run=100, seconds=101)]))
        await somebody_waits(postgres_engine)
        await work.commit()
    await reporting
    await handle(unit_of_work, handlers.notify_reports, [part(1, last=True, run=100, seconds=102)])

    run = await run_of(unit_of_work)
    assert (run.is_complete, run.parts, run.items, run.request_time) == (True, 2, 2, at(100))


async def test_another_spelling_makes_no_second_variable(
    unit_of_work: UnitOfWorkFactory, handlers: ReportHandlers
) -> None:
    """OCPP compares names without case; the newest report says how they are spelled."""
    first, second = data("AvailabilityState", "Available"), data("availabilitystate", "Occupied")
    second.component.name = "evse"
    for seconds, (request_id, entry) in enumerate([(1, first), (2, second)]):
        request = ocpp.NotifyReportRequest(
            request_id=request_id, seq_no=0, generated_at=stamp(at(seconds)), report_data=[entry]
        )
        await handle(unit_of_work, handlers.notify_reports, [call_of(request, "CS-1", at(seconds))])
    both = ocpp.NotifyReportRequest(request_id=3, seq_no=0, generated_at=stamp(), report_data=[second, first])
    await handle(unit_of_work, handlers.notify_reports, [call_of(both, "CS-1", at(3))])

    assert await values(unit_of_work) == {"AvailabilityState": "Available"}


async def test_B07_FR_08_a_full_inventory_forgets_what_the_station_has_no_more(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    await handle(
        unit_of_work,
        handlers_at(unit_of_work, 0).notify_reports,
        [part(0, request_id=6, names=["Old", "Stays"], last=True)],
    )

    await agree(unit_of_work, handlers_at(unit_of_work, 10), 10)
    await handle(
        unit_of_work,
        handlers_at(unit_of_work, 12).notify_reports,
        [part(1, run=1, seconds=12, names=["New"], last=True)],
    )
    assert set(await values(unit_of_work)) == {"Old", "Stays", "New"}, "a part is missing"
    await handle(
        unit_of_work, handlers_at(unit_of_work, 13).notify_reports, [part(0, run=1, seconds=13, names=["stays"])]
    )

    assert set(await values(unit_of_work)) == {"stays", "New"}


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "base", [ocpp.REPORT_BASE_ENUM_CONFIGURATION_INVENTORY, ocpp.REPORT_BASE_ENUM_SUMMARY_INVENTORY]
)
async def test_a_report_of_a_part_of_the_model_forgets_nothing(
    unit_of_work: UnitOfWorkFactory, base: ocpp.ReportBaseEnum.ValueType
) -> None:
    await handle(
        unit_of_work, handlers_at(unit_of_work, 0).notify_reports, [part(0, request_id=6, names=["Other"], last=True)]
    )
    request = ocpp.GetBaseReportRequest(request_id=7, report_base=base)
    response = ocpp.GetBaseReportResponse(status=AGREED)
    later = handlers_at(unit_of_work, 10)
    await handle(unit_of_work, later.base_report_answered, answered(request, response, at(10)))

    await handle(unit_of_work, later.notify_reports, [part(0, run=1, seconds=11, names=["New"], last=True)])

    assert set(await values(unit_of_work)) == {"Other", "New"}


def handlers_at(unit_of_work: UnitOfWorkFactory, seconds: int) -> ReportHandlers:
    return ReportHandlers(services_of(unit_of_work, clock=lambda: at(seconds)))
