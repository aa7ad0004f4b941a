"""Calls that an edge sends again are handled once, and answered as before."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.actions import unwrap, wrap_request
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest, AuthorizeResponse
from citrine.ocpp.v2.availability_pb2 import (
    HeartbeatRequest,
    HeartbeatResponse,
    StatusNotificationRequest,
    StatusNotificationResponse,
)
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest, DataTransferResponse
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest, MeterValuesResponse
from citrine.ocpp.v2.provisioning_pb2 import (
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootNotificationRequest,
    BootNotificationResponse,
)
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest, SecurityEventNotificationResponse
from citrine.ocpp.v2.types_pb2 import CustomData
from citrine_core.db import UnitOfWork, UnitOfWorkFactory, create_engine
from citrine_core.dispatch import (
    Block,
    Call,
    CallRefused,
    Dispatcher,
    HandlingStage,
    Item,
    Lanes,
    collect,
    content_key,
    handles,
)
from citrine_core.dispatch.deduplication import find_answered, key_of
from citrine_core.dispatch.models import PoisonedMessage
from citrine_core.events import write_events
from citrine_core.events.models import OutboxEvent
from citrine_core.link.health import Rehearse
from tests.support.databases import somebody_waits
from tests.support.proxy import Proxy, proxied
from tests.support.statements import statements

NOW = datetime(2025, 3, 1, tzinfo=UTC)

Answers = list[link.Downstream]


class Handlers:
    """Have an effect for each message."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    @handles(DataTransferRequest)
    async def data(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        if call.message.vendor_id == "refused":
            raise CallRefused("SecurityError", "no")
        if call.message.vendor_id == "broken":
            raise LookupError("a defect")
        self._effect(work, call)
        self.begun.set()
        await self.may_end.wait()
        return DataTransferResponse(status=len(self.handled))  # type: ignore[arg-type]  # tells the answers apart

    @handles(BootNotificationRequest)
    async def boot(self, work: UnitOfWork, call: Call[BootNotificationRequest]) -> BootNotificationResponse:
        self._effect(work, call)
        response = BootNotificationResponse(interval=17, status=REGISTRATION_STATUS_ENUM_ACCEPTED)
        response.current_time.FromDatetime(NOW - timedelta(minutes=1))
        return response

    @handles(StatusNotificationRequest)
    async def status(self, work: UnitOfWork, call: Call[StatusNotificationRequest]) -> StatusNotificationResponse:
        self._effect(work, call)
        return StatusNotificationResponse()

    @handles(HeartbeatRequest, writes=False)
    async def heartbeat(self, work: UnitOfWork, call: Call[HeartbeatRequest]) -> HeartbeatResponse:
        return HeartbeatResponse()

    @handles(MeterValuesRequest, once=content_key)
    async def meter_values(self, work: UnitOfWork, call: Call[MeterValuesRequest]) -> MeterValuesResponse:
        self._effect(work, call)
        return MeterValuesResponse()

    @handles(SecurityEventNotificationRequest, batched=True, own_key=True)
    async def security(
        self, work: UnitOfWork, calls: Sequence[Call[SecurityEventNotificationRequest]]
    ) -> Sequence[SecurityEventNotificationResponse]:
        for call in calls:
            call.repeated = call.message.type in self.handled
            if not call.repeated:
                self.handled.append(call.message.type)
        return [SecurityEventNotificationResponse()] * len(calls)

    @handles(AuthorizeRequest)
    async def authorize(self, work: UnitOfWork, call: Call[AuthorizeRequest]) -> AuthorizeResponse:
        self._effect(work, call)
        return AuthorizeResponse()

    def _effect(self, work: UnitOfWork, call: Call[Any]) -> None:
        self.handled.append(type(call.message).__name__)
        work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, token="effect"))


class Observed:
    """Notes the messages that it is told of."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def observe(self, work: UnitOfWork, calls: Sequence[Call[Any]]) -> None:
        self.told += [type(call.message).__name__ for call in calls]


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
def stage(handlers: Handlers, observed: Observed) -> HandlingStage:
    return stage_of(handlers, observed)


@pytest.fixture
def unit_of_work_on_postgres(postgres_engine: AsyncEngine) -> UnitOfWorkFactory:
    return UnitOfWorkFactory(postgres_engine, write_events)


def stage_of(handlers: Handlers, observed: Observed | None = None, epoch: int = 7) -> HandlingStage:
    async def sessions(work: UnitOfWork, tenant_id: str, station_ids: set[str]) -> dict[str, tuple[int, bool, str]]:
        return dict.fromkeys(station_ids, (epoch, True, ""))

    observers = [observed.observe] if observed is not None else []
    return HandlingStage(collect([Block("test", [handlers])]), sessions, lambda: NOW, observers=observers)


def call(
    message: Message,
    call_id: int,
    answers: Answers,
    *,
    epoch: int = 7,
    station_id: str = "CS-1",
    tenant: str = "default",
) -> Item:
    content = link.StationCall(
        id=call_id,
        session=link.SessionRef(tenant_id=tenant, station_id=station_id, epoch=epoch),
        message_id="the same",
        request=wrap_request(message),
    )
    content.receive_time.FromDatetime(NOW)
    return Item(tenant, station_id, content, answers.append)


async def run(unit_of_work: UnitOfWorkFactory, stage: HandlingStage, *items: Item) -> None:
    async with unit_of_work() as work:
        await stage.run(work, items)
        await work.commit()


def data(vendor_id: str = "v") -> DataTransferRequest:
    return DataTransferRequest(vendor_id=vendor_id)


def answer_of(downstream: link.Downstream) -> Any:
    return unwrap(downstream.answer.response)


async def effects(unit_of_work: UnitOfWorkFactory) -> int:
    async with unit_of_work(read_only=True) as work:
        return len((await work.session.scalars(select(OutboxEvent.id))).all())


async def test_a_call_that_comes_again_has_the_same_answer_and_no_second_effect(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    first: Answers = []
    second: Answers = []
    for message, call_id in ((data(), 1), (StatusNotificationRequest(), 2), (data("refused"), 3)):
        await run(unit_of_work, stage, call(message, call_id, first))
        await run(unit_of_work, stage, call(message, call_id, second))

    assert first == second
    assert [answer.WhichOneof("item") for answer in first] == ["answer", "answer", "answer_error"]
    assert handlers.handled == ["DataTransferRequest", "StatusNotificationRequest"]
    assert await effects(unit_of_work) == 2


async def test_in_one_batch_the_answer_goes_to_the_newer_link(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    old: Answers = []
    new: Answers = []
    await run(unit_of_work, stage, call(data(), 1, old), call(data(), 1, new))

    assert (len(old), len(new), len(handlers.handled)) == (0, 1, 1)


async def test_the_next_call_may_come_together_with_a_repetition(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    """The edge was answered by one core, sent the next call to another, and that has the repetition still before it."""
    answers: Answers = []
    again: Answers = []
    await run(unit_of_work, stage, call(data(), 5, answers))
    await run(unit_of_work, stage, call(data(), 5, again), call(StatusNotificationRequest(), 6, answers))
    await run(unit_of_work, stage, call(StatusNotificationRequest(), 6, again))

    assert again == answers
    assert handlers.handled == ["DataTransferRequest", "StatusNotificationRequest"]


async def test_what_was_answered_long_ago_is_not_answered_again(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    answers: Answers = []
    await run(unit_of_work, stage, call(data(), 5, answers))
    await run(unit_of_work, stage, call(data(), 6, answers))
    await run(unit_of_work, stage, call(data(), 5, answers))

    assert [answer.answer.id for answer in answers] == [5, 6]


async def test_calls_of_a_newer_session_count_anew(unit_of_work: UnitOfWorkFactory, handlers: Handlers) -> None:
    """It may be one of another edge, whose ids are lower."""
    answers: Answers = []
    await run(unit_of_work, stage_of(handlers, epoch=7), call(data(), 50, answers))
    await run(unit_of_work, stage_of(handlers, epoch=8), call(data(), 1, answers, epoch=8))

    assert [answer_of(answer).status for answer in answers] == [1, 2]


async def test_stations_of_two_tenants_are_two(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    answers: Answers = []
    same = [call(data(), 1, answers, tenant=tenant) for tenant in ("default", "other")]
    others = [call(data(), 1, answers, station_id=f"CS-{number}") for number in range(2, 40)]
    await run(unit_of_work, stage, *same, *others)
    await run(unit_of_work, stage, *same, *others)

    assert len(handlers.handled) == 40
    statuses = [answer_of(answer).status for answer in answers]
    assert set(statuses[:40]) == set(statuses[40:]) == set(range(1, 41))


async def test_a_boot_that_is_answered_again_is_told_the_time(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    """Stations set their clocks by it."""
    answers: Answers = []
    for _ in range(2):
        await run(unit_of_work, stage, call(BootNotificationRequest(), 1, answers))

    first, again = (answer_of(answer) for answer in answers)
    assert (again.interval, again.status, answers[1].answer.registration) == (17, 1, 1)
    assert again.current_time.ToDatetime(UTC) == NOW
    assert first.current_time.ToDatetime(UTC) == NOW - timedelta(minutes=1)


async def test_what_nobody_can_handle_is_retained_once(unit_of_work: UnitOfWorkFactory, stage: HandlingStage) -> None:
    answers: Answers = []
    for _ in range(2):
        item = call(data("broken"), 1, answers)
        async with unit_of_work() as work:
            await stage.poisoned(work, item, LookupError("a defect"))
            await work.commit()
    # By then it could be handled; the station has its answer.
    await run(unit_of_work, stage, call(data(), 1, answers))

    assert [answer.answer_error.error.code for answer in answers] == ["InternalError"] * 3
    async with unit_of_work(read_only=True) as work:
        assert len((await work.session.scalars(select(PoisonedMessage))).all()) == 1


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(data(), id="by its identity"),
        pytest.param(MeterValuesRequest(evse_id=1), id="by its content"),
        pytest.param(SecurityEventNotificationRequest(type="T"), id="by the handler's own key"),
        pytest.param(HeartbeatRequest(custom_data=CustomData(vendor_id="v")), id="by its identity, for the observer"),
    ],
)
async def test_observers_are_told_once(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, observed: Observed, message: Message
) -> None:
    answers: Answers = []
    await run(unit_of_work, stage, call(message, 1, answers), call(message, 1, answers))
    await run(unit_of_work, stage, call(message, 1, answers))

    assert observed.told == [type(message).__name__]
    assert len(answers) >= 2
    assert all(answer == answers[0] for answer in answers)


async def test_what_is_recognised_otherwise_costs_no_statement(
    engine: AsyncEngine, unit_of_work: UnitOfWorkFactory, stage: HandlingStage
) -> None:
    answers: Answers = []
    with statements(engine) as seen:
        await run(
            unit_of_work,
            stage,
            call(SecurityEventNotificationRequest(type="T"), 1, answers),
            call(HeartbeatRequest(), 2, answers),
        )

    assert len(answers) == 2
    assert [statement for statement, _ in seen if "answered_calls" in statement] == []


@pytest.mark.parametrize(
    ("message", "count"),
    [
        # Nothing is set in the answer, so that it need not be stored.
        pytest.param(StatusNotificationRequest(), 1, id="empty answer"),
        pytest.param(data(), 2, id="answer"),
    ],
)
async def test_a_batch_costs_one_statement_and_one_for_the_answers(
    engine: AsyncEngine, unit_of_work: UnitOfWorkFactory, stage: HandlingStage, message: Message, count: int
) -> None:
    with statements(engine) as seen:
        await run(unit_of_work, stage, *(call(message, 1, [], station_id=f"CS-{number}") for number in range(16)))

    assert len([statement for statement, _ in seen if "answered_calls" in statement]) == count


async def test_what_was_rolled_back_is_handled_again(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    answers: Answers = []
    async with unit_of_work() as work:
        await stage.run(work, [call(data(), 1, answers)])
    await run(unit_of_work, stage, call(data(), 1, answers))

    assert [answer_of(answer).status for answer in answers] == [2]


async def test_a_core_waits_for_another_that_is_at_the_call(postgres_engine: AsyncEngine) -> None:
    """Its handler does not run meanwhile: what it does outside of the database would be done twice."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    cores = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            handlers = Handlers()
            handlers.may_end.clear()
            answers: Answers = []
            dispatcher = Dispatcher([stage_of(handlers)], Lanes(), unit_of_work, NoOutages())
            cores.append((handlers, answers, dispatcher, tasks.create_task(dispatcher.run())))
        (first, *_), (second, *_) = cores
        for _, answers, dispatcher, _ in cores:
            dispatcher.lanes.submit(call(data(), 1, answers))
            await first.begun.wait()
        await somebody_waits(postgres_engine)
        first.may_end.set()
        for *_, dispatcher, running in cores:
            await dispatcher.lanes.drained()
            running.cancel()

    assert (first.handled, second.handled) == (["DataTransferRequest"], [])
    assert cores[0][1] == cores[1][1]
    assert await effects(unit_of_work) == 1


async def test_of_a_core_that_rolls_back_another_takes_over(postgres_engine: AsyncEngine) -> None:
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    first, second = Handlers(), Handlers()
    answers: Answers = []
    async with asyncio.TaskGroup() as tasks, unit_of_work() as work:
        await stage_of(first).run(work, [call(data(), 1, answers)])
        other = tasks.create_task(run(unit_of_work, stage_of(second), call(data(), 1, answers)))
        await somebody_waits(postgres_engine)
        await work.session.rollback()
        await other

    assert second.handled == ["DataTransferRequest"]
    assert await effects(unit_of_work) == len(answers) == 1


async def test_what_was_committed_without_our_knowing_is_not_done_again(
    postgres_url: str, handlers: Handlers, unit_of_work_on_postgres: UnitOfWorkFactory
) -> None:
    """The connection breaks between the commit and its confirmation."""
    host = postgres_url.partition("@")[2].partition("/")[0]
    answers: Answers = []

    async def cut(proxy: Proxy) -> None:
        while not await effects(unit_of_work_on_postgres):
            pass
        proxy.cut()
        proxy.heal()

    async with proxied(host) as proxy, asyncio.TaskGroup() as tasks:
        engine = create_engine(postgres_url.replace(host, proxy.address))
        cutting: list[asyncio.Task[None]] = []

        def on_commit(connection: object) -> None:
            if not cutting:
                proxy.silence_answers()
                cutting.append(tasks.create_task(cut(proxy)))

        event.listen(engine.sync_engine, "commit", on_commit)
        dispatcher = Dispatcher([stage_of(handlers)], Lanes(), UnitOfWorkFactory(engine, write_events), NoOutages())
        running = tasks.create_task(dispatcher.run())
        dispatcher.lanes.submit(call(data(), 1, answers))
        await dispatcher.lanes.drained()
        running.cancel()
        await engine.dispose()

    assert handlers.handled == ["DataTransferRequest"]
    assert [answer_of(answer).status for answer in answers] == [1]
    assert await effects(unit_of_work_on_postgres) == 1


async def test_what_is_answered_can_be_asked(unit_of_work: UnitOfWorkFactory, stage: HandlingStage) -> None:
    await run(unit_of_work, stage, call(data(), 5, []))
    keys = [key_of(call(data(), number, [])) for number in (4, 5, 6)]
    other = key_of(call(data(), 1, [], station_id="CS-2"))

    assert await find_answered(unit_of_work, [*keys, other]) == set(keys[:2])


class NoOutages:
    async def probe(self) -> bool:
        return True

    def failed(self, error: BaseException | None = None, rehearse: Rehearse | None = None) -> None:
        raise AssertionError("there is no outage")

    async def recovered(self) -> None:
        raise AssertionError("there is no outage")
