"""Tests of handling: once for each business key, alone where one fails, refused by name."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.actions import unwrap, wrap_request
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest, HeartbeatResponse
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest, DataTransferResponse
from citrine.ocpp.v2.reservation_pb2 import ReservationStatusUpdateRequest
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
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
from citrine_core.dispatch.models import PoisonedMessage
from citrine_core.events import write_events
from citrine_core.events.models import OutboxEvent
from citrine_core.link.health import Rehearse

Answers = list[link.Downstream]


class Handlers:
    """Count what they handle."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @handles(HeartbeatRequest, writes=False)
    async def heartbeat(self, work: UnitOfWork, call: Call[HeartbeatRequest]) -> HeartbeatResponse:
        self.seen.append(call.message_id)
        return HeartbeatResponse(current_time=Timestamp(seconds=1))

    @handles(DataTransferRequest, once=lambda request: str(request.message_id))
    async def data(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        if call.message.vendor_id == "refused":
            raise CallRefused("SecurityError", "no")
        self.seen.append(call.message_id)
        return DataTransferResponse(status=len(self.seen))  # type: ignore[arg-type]  # tells the answers apart


async def sessions(work: UnitOfWork, tenant_id: str, station_ids: set[str]) -> dict[str, tuple[int, bool, str]]:
    return dict.fromkeys(station_ids, (7, True, ""))


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def stage(handlers: Handlers) -> HandlingStage:
    return HandlingStage(collect([Block("test", [handlers])]), sessions)


def call(message: Message, answers: Answers, *, message_id: str = "m", epoch: int = 7) -> Item:
    content = link.StationCall(
        id=1,
        session=link.SessionRef(tenant_id="default", station_id="CS-1", epoch=epoch),
        message_id=message_id,
        request=wrap_request(message),
    )
    content.receive_time.FromDatetime(datetime.now(UTC))
    return Item("default", "CS-1", content, answers.append)


async def run(unit_of_work: UnitOfWorkFactory, stage: HandlingStage, *items: Item) -> None:
    async with unit_of_work() as work:
        await stage.run(work, items)
        await work.commit()


def response(downstream: link.Downstream) -> Any:
    return unwrap(downstream.answer.response)


async def test_nothing_is_answered_before_the_commit(unit_of_work: UnitOfWorkFactory, stage: HandlingStage) -> None:
    answers: Answers = []
    async with unit_of_work() as work:
        await stage.run(work, [call(HeartbeatRequest(), answers)])
        before = list(answers)
        await work.commit()

    assert before == []
    assert response(answers[0]) == HeartbeatResponse(current_time=Timestamp(seconds=1))


async def test_the_same_message_again_has_the_same_answer_and_no_second_effect(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    answers: Answers = []
    same = DataTransferRequest(vendor_id="v", message_id="key")
    other = DataTransferRequest(vendor_id="v", message_id="another key")

    # Twice in one batch and again in a later one, under another message id.
    await run(unit_of_work, stage, call(same, answers, message_id="1"), call(same, answers, message_id="2"))
    await run(unit_of_work, stage, call(other, answers, message_id="3"), call(same, answers, message_id="4"))

    assert len(handlers.seen) == 2
    assert [response(answer).status for answer in answers] == [1, 1, 2, 1]


async def test_a_refusal_is_not_remembered(unit_of_work: UnitOfWorkFactory, stage: HandlingStage) -> None:
    answers: Answers = []
    refused = DataTransferRequest(vendor_id="refused", message_id="key")
    accepted = DataTransferRequest(vendor_id="v", message_id="key")

    await run(unit_of_work, stage, call(refused, answers))
    await run(unit_of_work, stage, call(accepted, answers))

    assert answers[0].answer_error.error == link.CallError(code="SecurityError", description="no")
    assert response(answers[1]).status == 1


async def test_a_message_without_a_handler_is_refused_by_name(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage
) -> None:
    answers: Answers = []
    await run(unit_of_work, stage, call(ReservationStatusUpdateRequest(), answers))

    error = answers[0].answer_error.error
    assert error.code == "NotSupported"
    assert "ReservationStatusUpdate" in error.description


async def test_a_message_of_an_older_session_is_dropped(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, handlers: Handlers
) -> None:
    answers: Answers = []
    await run(unit_of_work, stage, call(HeartbeatRequest(), answers, epoch=6))

    assert ([answer.WhichOneof("item") for answer in answers], handlers.seen) == (["disconnect"], [])


@pytest.mark.in_turn
@pytest.mark.parametrize("said", ["", "\0", "\ud800"], ids=["plain", "NUL", "half a character"])
async def test_what_nobody_can_handle_is_kept_whole(
    unit_of_work: UnitOfWorkFactory, stage: HandlingStage, said: str
) -> None:
    """Whatever an error quotes of what the station said: PostgreSQL can't hold all of it as text."""
    answers: Answers = []
    item = call(HeartbeatRequest(), answers)
    async with unit_of_work() as work:
        await stage.poisoned(work, item, LookupError(f"a defect{said}"))
        await work.commit()

    async with unit_of_work(read_only=True) as work:
        kept = (await work.session.scalars(select(PoisonedMessage))).one()
    assert link.StationCall.FromString(kept.content) == item.content
    assert kept.error.startswith("LookupError: a defect")
    assert answers[0].answer_error.error.code == "InternalError"
    assert "defect" not in answers[0].answer_error.error.description


def test_a_batch_of_heartbeats_writes_nothing(stage: HandlingStage) -> None:
    assert not stage.writes(call(HeartbeatRequest(), []))
    assert stage.writes(call(DataTransferRequest(), []))


class Effects:
    """Has an effect for each message, and waits with the first until told to go on."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    @handles(DataTransferRequest, once=content_key)
    async def data(self, work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
        work.emit(Event(tenant_id="default", station_id="CS-1", token="effect"))
        self.begun.set()
        await self.go_on.wait()
        return DataTransferResponse(status=1)  # type: ignore[arg-type]  # any


async def test_two_cores_that_handle_a_message_at_once_have_one_effect(postgres_engine: AsyncEngine) -> None:
    """A station's call goes to another core when a link is lost, while the first core is still at it."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    answers: Answers = []
    cores = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            effects = Effects()
            stage = HandlingStage(collect([Block("test", [effects])]), sessions)
            dispatcher = Dispatcher([stage], Lanes(), unit_of_work, NoOutages())
            cores.append((effects, dispatcher, tasks.create_task(dispatcher.run())))
            dispatcher.lanes.submit(call(DataTransferRequest(vendor_id="V"), answers))
            await effects.begun.wait()
        for effects, dispatcher, running in cores:
            effects.go_on.set()
            await dispatcher.lanes.drained()
            running.cancel()

    assert len(answers) == 2
    assert answers[0] == answers[1]
    async with unit_of_work(read_only=True) as work:
        assert await work.session.scalar(select(func.count()).select_from(OutboxEvent)) == 1


class NoOutages:
    async def probe(self) -> bool:
        return True

    def failed(self, error: BaseException | None = None, rehearse: Rehearse | None = None) -> None:
        raise AssertionError("there is no outage")

    async def recovered(self) -> None:
        raise AssertionError("there is no outage")
