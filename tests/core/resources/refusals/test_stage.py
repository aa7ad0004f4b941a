"""What edges refused is counted in the database, and told once."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import refusals_pb2 as pb
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import transactions_pb2
from citrine_core.db import Page, UnitOfWorkFactory
from citrine_core.dispatch import Item
from citrine_core.events import write_events
from citrine_core.resources.refusals import RefusalRepository, RefusalRow, RefusalsStage, ToleranceRepository
from citrine_core.resources.refusals.models import ToleranceRuleRow
from citrine_core.resources.refusals.queries import find_summaries
from citrine_core.resources.refusals.stage import MAX_PER_STATION
from tests.support.blocks import NOW, add_station, events, stamp
from tests.support.event_words import name_in
from tests.support.statements import statements

REFUSED = link.Refusal.OUTCOME_REFUSED
ENDED = transactions_pb2.TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED


def refusal(action: str = "Authorize", *, seconds: float = 0, count: int = 1, **more: object) -> link.Refusal:
    values = {"outcome": REFUSED, "code": "FormatViolation", "path": "/x", "description": "/x is odd", **more}
    time = stamp(NOW + timedelta(seconds=seconds))
    return link.Refusal(action=action, count=count, first_time=time, last_time=time, **values)  # type: ignore[arg-type]


async def store(
    unit_of_work: UnitOfWorkFactory, *refusals: link.Refusal, station_id: str = "CS-1"
) -> list[tuple[str, str, int]]:
    """Have the stage store what an edge reported; return what the metrics were told."""
    told: list[tuple[str, str, int]] = []
    stage = RefusalsStage(lambda: NOW, lambda outcome, code, count: told.append((outcome, code, count)))
    session = link.SessionRef(tenant_id="default", station_id=station_id, epoch=1)
    content = link.Refusals(session=session, refusals=refusals)
    async with unit_of_work() as work:
        await stage.run(work, [Item("default", station_id, content, lambda downstream: None)])
        await work.commit()
    return told


async def stored(unit_of_work: UnitOfWorkFactory) -> Sequence[RefusalRow]:
    async with unit_of_work(read_only=True) as work:
        rows, _ = await RefusalRepository(work.session).list("default", Page(1000), station_id="", action="", outcome=0)
    return rows


async def test_counts_add_up_and_the_latest_is_shown(unit_of_work: UnitOfWorkFactory) -> None:
    await add_station(unit_of_work)
    await store(unit_of_work, refusal(count=3, last_frame="one"))
    told = await store(unit_of_work, refusal(count=2, seconds=60, last_frame="two", description="/x is worse"))

    (row,) = await stored(unit_of_work)

    assert (row.count, row.last_frame, row.description) == (5, "two", "/x is worse")
    assert (row.first_time, row.last_time) == (NOW, NOW + timedelta(seconds=60))
    assert told == [("refused", "FormatViolation", 2)]


async def test_an_event_tells_the_first_and_the_first_after_an_hour(unit_of_work: UnitOfWorkFactory) -> None:
    await add_station(unit_of_work)
    for seconds in (0, 1, 2, 3700):
        await store(unit_of_work, refusal(seconds=seconds))

    told = [event.messages_refused for event in await events(unit_of_work)]

    assert [(name_in(each, "outcome"), each.action, each.count) for each in told] == [
        ("REFUSED", "Authorize", 1),
        ("REFUSED", "Authorize", 4),
    ]


async def test_a_station_has_a_limited_number_of_rows(unit_of_work: UnitOfWorkFactory) -> None:
    await add_station(unit_of_work)
    for start in range(0, 2 * MAX_PER_STATION, 50):
        await store(unit_of_work, *(refusal(f"Odd{number}") for number in range(start, start + 50)))

    rows = await stored(unit_of_work)

    others = next(row for row in rows if row.action == "*")
    assert len(rows) == MAX_PER_STATION + 1
    assert others.count == MAX_PER_STATION


async def test_a_station_that_is_gone_leaves_no_row(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, refusal())

    assert await stored(unit_of_work) == []


async def test_the_gravest_comes_first(unit_of_work: UnitOfWorkFactory) -> None:
    await add_station(unit_of_work)
    await store(
        unit_of_work,
        refusal("NotifyEvent", seconds=9),
        refusal("TransactionEvent", seconds=5, event_type="Ended"),
        refusal("TransactionEvent", seconds=6, event_type="Updated"),
        refusal("Heartbeat", seconds=7, outcome=link.Refusal.OUTCOME_MENDED),
    )

    async with unit_of_work(read_only=True) as work:
        found = await find_summaries(work.session, "default", ["CS-1", "CS-2"])

    assert list(found) == ["CS-1"]
    assert found["CS-1"].count == 3
    assert (found["CS-1"].gravest.action, found["CS-1"].gravest.event_type) == ("TransactionEvent", ENDED)
    assert found["CS-1"].gravest.outcome == pb.REFUSAL_OUTCOME_REFUSED


async def test_uses_of_a_rule_are_counted(unit_of_work: UnitOfWorkFactory) -> None:
    await add_station(unit_of_work)
    async with unit_of_work() as work:
        rule = ToleranceRuleRow(
            tenant_id="default", rule_id="r", vendor_name="", model="", actions="", kinds="1", description="", uses=0,
            update_time=NOW,
        )  # fmt: skip
        ToleranceRepository(work.session).add(rule)
        await work.commit()
    for seconds in (0, 5):
        tolerated = refusal(seconds=seconds, count=2, outcome=link.Refusal.OUTCOME_TOLERATED, rule_id="r")
        await store(unit_of_work, tolerated)

    async with unit_of_work(read_only=True) as work:
        (found,) = await ToleranceRepository(work.session).all()
    assert (found.uses, found.last_use_time) == (4, NOW + timedelta(seconds=5))


async def test_old_ones_are_forgotten(unit_of_work: UnitOfWorkFactory) -> None:
    await add_station(unit_of_work)
    await store(unit_of_work, refusal("Old"), refusal("New", seconds=10))

    async with unit_of_work() as work:
        assert await RefusalRepository(work.session).remove_before(NOW + timedelta(seconds=5), 10)
        await work.commit()

    assert [row.action for row in await stored(unit_of_work)] == ["New"]


async def test_many_refusals_are_a_handful_of_statements(engine: AsyncEngine) -> None:
    unit_of_work = UnitOfWorkFactory(engine, write_events)
    await add_station(unit_of_work)
    await store(unit_of_work, *(refusal(f"Odd{number}") for number in range(50)))

    with statements(engine) as seen:
        await store(unit_of_work, *(refusal(f"Odd{number}", seconds=1) for number in range(50)))

    assert len(seen) <= 5


async def test_text_that_no_database_could_hold_is_stored(unit_of_work: UnitOfWorkFactory) -> None:
    await add_station(unit_of_work)
    await store(unit_of_work, refusal("x" * 100, path="/" + "y" * 500, description="z\0" * 500, last_frame="\0"))

    (row,) = await stored(unit_of_work)

    assert (len(row.action), len(row.path), len(row.description)) == (70, 200, 255)
