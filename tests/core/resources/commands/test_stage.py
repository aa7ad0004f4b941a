"""Tests of reports on commands that come twice, late, or of nothing that we know."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import common_pb2 as common
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import wrap_response
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.clock import utc_now
from citrine_core.db import Page, UnitOfWorkFactory
from citrine_core.dispatch import Answered, Block, Failed, Item, Registry, handles_answer, handles_failure
from citrine_core.errors import (
    AnswerRefused,
    CoreError,
    FailedPrecondition,
    StationError,
    StationTimeout,
    StationUnavailable,
)
from citrine_core.events import write_events
from citrine_core.link import Link
from citrine_core.resources.commands import CommandRepository, CommandRow, CommandsStage
from citrine_core.resources.commands.ends import CommandEnds
from citrine_core.resources.commands.pending import Outcome, Pending, PendingCommands
from tests.support.blocks import events
from tests.support.databases import somebody_waits
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, timestamp

ACCEPTED = ocpp.ResetResponse(status=ocpp.RESET_STATUS_ENUM_ACCEPTED)
SESSION = link.SessionRef(tenant_id="default", station_id="CS-1", epoch=1)


class Told:
    """A block that is told answers."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.failures: list[Failed[ocpp.ResetRequest]] = []
        self.fails = False

    @handles_answer(ocpp.ResetResponse)
    async def reset(self, work: Any, answered: Answered[ocpp.ResetRequest, ocpp.ResetResponse]) -> None:
        if self.fails:
            raise LookupError("a defect")
        self.answers.append((answered.request, answered.response))

    @handles_failure(ocpp.ResetRequest)
    async def reset_failed(self, work: Any, failed: Failed[ocpp.ResetRequest]) -> None:
        if self.fails:
            raise LookupError("a defect")
        self.failures.append(failed)


class Setting:
    """One command under way, and the stage."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self.unit_of_work = unit_of_work
        self.told = Told()
        self.pending = PendingCommands()
        registry = Registry([Block("test", [self.told])])
        self.stage = CommandsStage(registry.routes, self.pending, CommandEnds(registry), utc_now)

    def wait(self) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.pending.add(Pending("default", "CS-1", "C-1", 1, "request", Link("edge-1", ""), future))
        return future

    async def run(self, *contents: Any) -> None:
        items = [Item("default", "CS-1", content, lambda downstream: None) for content in contents]
        async with self.unit_of_work() as work:
            await self.stage.run(work, items)
            await work.commit()


async def add_command(unit_of_work: UnitOfWorkFactory, command_id: str = "C-1") -> None:
    row = {
        "tenant_id": "default", "command_id": command_id, "station_id": "CS-1", "action": "Reset", "is_native": False,
        "state": common.COMMAND_STATE_QUEUED, "payload": '{"type":"Immediate"}', "error_code": "", "reason": "",
        "error_description": "", "requested_by": "somebody", "timeout": 1000, "when_online": False, "core_id": "me",
        "create_time": datetime.now(UTC),
    }  # fmt: skip
    async with unit_of_work() as work:
        await CommandRepository(work.session).add(row)
        await work.commit()


@pytest.fixture
async def setting(unit_of_work: UnitOfWorkFactory) -> Setting:
    await add_command(unit_of_work)
    return Setting(unit_of_work)


def result(command_id: str = "C-1") -> link.CommandResult:
    return FakeEdge.result(link.Command(id=command_id, session=SESSION), ACCEPTED)


def failure(reason: "link.CommandFailure.Reason.ValueType") -> link.CommandFailure:
    return link.CommandFailure(id="C-1", session=SESSION, reason=reason, time=timestamp())


async def test_blocks_hear_of_an_answer_once(setting: Setting) -> None:
    waiting = setting.wait()

    await setting.run(link.CommandSent(id="C-1", session=SESSION, send_time=timestamp()), result(), result())
    await setting.run(result())

    assert setting.told.answers == [(ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE), ACCEPTED)]
    assert (await waiting).message == ACCEPTED


async def test_answers_to_several_commands_are_stored_as_one_batch(setting: Setting) -> None:
    await add_command(setting.unit_of_work, "C-2")

    await setting.run(result("C-1"), result("C-2"))

    async with setting.unit_of_work(read_only=True) as work:
        stored, _ = await CommandRepository(work.session).list("default", Page(9), station_id=None, state=None)
    assert [row.state for row in stored] == [common.COMMAND_STATE_ANSWERED] * 2


async def test_blocks_hear_of_a_failure_once(setting: Setting) -> None:
    broken = link.CommandFailure.REASON_LOST

    await setting.run(failure(broken), failure(broken))
    await setting.run(failure(broken))

    (failed,) = setting.told.failures
    assert failed.request == ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE)
    assert (failed.command_id, failed.state, failed.code) == ("C-1", common.COMMAND_STATE_FAILED, "ConnectionLost")
    assert failed.may_have_arrived


async def test_a_station_that_answers_with_a_code_of_ours_has_refused(setting: Setting) -> None:
    refused = failure(link.CommandFailure.REASON_CALL_ERROR)
    refused.error.code = "NotConnected"

    await setting.run(refused)

    (failed,) = setting.told.failures
    assert (failed.refused, failed.never_sent, failed.code) == (True, False, "NotConnected")


async def test_what_is_valid_of_an_answer_that_we_refuse_is_taken_for_what_the_station_says(setting: Setting) -> None:
    waiting = setting.wait()
    bad = failure(link.CommandFailure.REASON_BAD_ANSWER)
    bad.error.code, bad.error.description = "FormatViolation", "/more is not in the schema"
    bad.answer_json = '{"status":"Accepted","more":1}'
    bad.answer.CopyFrom(wrap_response(ACCEPTED))

    await setting.run(bad)

    outcome = await waiting
    assert (outcome.message, outcome.error) == (ACCEPTED, None)
    assert outcome.command.state == common.COMMAND_STATE_ANSWER_REFUSED
    assert (outcome.command.error_code, outcome.command.response["more"]) == ("FormatViolation", 1)
    assert [response for _, response in setting.told.answers] == [ACCEPTED]
    assert setting.told.failures == []
    assert [name_in(event.command_finished, "state") for event in await events(setting.unit_of_work)] == [
        "ANSWER_REFUSED"
    ]


async def test_an_answer_of_which_nothing_is_valid_is_a_failure_of_its_own(setting: Setting) -> None:
    waiting = setting.wait()
    bad = failure(link.CommandFailure.REASON_BAD_ANSWER)
    bad.answer_json = '["Accepted"]'

    await setting.run(bad)
    again = setting.wait()
    await setting.run(bad)

    (failed,) = setting.told.failures
    assert failed.state == common.COMMAND_STATE_ANSWER_REFUSED
    assert (failed.may_have_arrived, failed.refused, failed.never_sent) == (True, False, False)
    assert isinstance((await waiting).error, AnswerRefused)
    assert isinstance((await again).error, AnswerRefused)


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (link.CommandFailure.REASON_LOST, common.COMMAND_STATE_FAILED),
        (link.CommandFailure.REASON_TIMEOUT, common.COMMAND_STATE_TIMED_OUT),
        (link.CommandFailure.REASON_CALL_ERROR, common.COMMAND_STATE_FAILED),
        (link.CommandFailure.REASON_BAD_ANSWER, common.COMMAND_STATE_ANSWER_REFUSED),
        (link.CommandFailure.REASON_INVALID, common.COMMAND_STATE_FAILED),
    ],
)
async def test_what_was_answered_before_a_command_failed_counts(
    setting: Setting, reason: "link.CommandFailure.Reason.ValueType", state: int
) -> None:
    """Of a command that is several messages to its station: the caller gets the error, the block the answer."""
    waiting = setting.wait()
    broken = failure(reason)
    broken.answered_calls = 2
    broken.answer_json = '{"status":"Perhaps"}'
    broken.answer.CopyFrom(wrap_response(ACCEPTED))

    await setting.run(broken)

    outcome = await waiting
    assert (outcome.message, outcome.command.state) == (None, state)
    assert outcome.error is not None
    assert "2 of them were answered before" in outcome.command.error_description
    assert outcome.command.response["status"] == "Accepted"
    assert [response for _, response in setting.told.answers] == [ACCEPTED]
    assert setting.told.failures == []
    assert len(await events(setting.unit_of_work)) == 1


@pytest.mark.parametrize("reason", [link.CommandFailure.REASON_TIMEOUT, link.CommandFailure.REASON_INVALID])
async def test_a_failure_after_answers_that_are_no_response_is_a_failure(
    setting: Setting, reason: "link.CommandFailure.Reason.ValueType"
) -> None:
    broken = failure(reason)
    broken.answered_calls = 1

    await setting.run(broken)

    assert [failed.may_have_arrived for failed in setting.told.failures] == [True]


async def test_a_failure_is_stored_even_where_a_block_fails(setting: Setting) -> None:
    setting.told.fails = True
    waiting = setting.wait()
    item = Item("default", "CS-1", failure(link.CommandFailure.REASON_LOST), lambda downstream: None)

    async with setting.unit_of_work() as work:
        await setting.stage.poisoned(work, item, LookupError("a defect"))
        await work.commit()

    assert (await waiting).command.state == common.COMMAND_STATE_FAILED


async def test_an_answer_that_was_stored_without_our_knowing_is_told(setting: Setting) -> None:
    await setting.run(result())
    waiting = setting.wait()

    await setting.run(result())

    outcome = await waiting
    assert (outcome.message, outcome.error) == (ACCEPTED, None)


@pytest.mark.parametrize(
    ("state", "code", "error"),
    [
        pytest.param(common.COMMAND_STATE_TIMED_OUT, "Timeout", StationTimeout, id="timed out"),
        pytest.param(common.COMMAND_STATE_FAILED, "FormatViolation", StationError, id="failed"),
        pytest.param(common.COMMAND_STATE_FAILED, "ConnectionLost", StationUnavailable, id="connection lost"),
        pytest.param(common.COMMAND_STATE_FAILED, "NotConnected", StationUnavailable, id="not connected"),
        pytest.param(common.COMMAND_STATE_CANCELLED, "Cancelled", FailedPrecondition, id="cancelled"),
    ],
)
async def test_what_ended_elsewhere_stays_so(setting: Setting, state: int, code: str, error: type[CoreError]) -> None:
    async with setting.unit_of_work() as work:
        await work.session.execute(update(CommandRow).values(state=state, error_code=code))
        await work.commit()
    waiting = setting.wait()

    await setting.run(result())

    outcome = await waiting
    assert outcome.command.state == state
    assert isinstance(outcome.error, error)
    assert setting.told.answers == []


async def test_of_two_ends_the_first_counts(setting: Setting) -> None:
    waiting = setting.wait()

    await setting.run(failure(link.CommandFailure.REASON_TIMEOUT), result())

    assert isinstance((await waiting).error, StationTimeout)


async def test_a_report_on_no_command_does_nothing(setting: Setting) -> None:
    unknown = result()
    unknown.id = "C-9"

    await setting.run(unknown)

    assert setting.told.answers == []


async def test_an_answer_is_stored_and_told_even_where_a_block_fails(setting: Setting) -> None:
    waiting = setting.wait()
    setting.told.fails = True
    item = Item("default", "CS-1", result(), lambda downstream: None)

    async with setting.unit_of_work() as work:
        await setting.stage.poisoned(work, item, LookupError("a defect"))
        await work.commit()

    outcome = await waiting
    assert (outcome.message, outcome.command.state) == (ACCEPTED, common.COMMAND_STATE_ANSWERED)


async def test_a_caller_is_told_even_where_nothing_can_be_stored(setting: Setting) -> None:
    waiting = setting.wait()
    item = Item("default", "CS-1", result(), lambda downstream: None)

    await setting.stage.poisoned(None, item, LookupError("a defect"))

    assert isinstance((await waiting).error, StationError)


async def test_of_two_cores_the_first_says_how_a_command_ended(postgres_engine: AsyncEngine) -> None:
    """The core that sent it gives up at the moment at which the answer comes by another one's link."""
    unit_of_work = UnitOfWorkFactory(postgres_engine, write_events)
    await add_command(unit_of_work)
    first, second = Setting(unit_of_work), Setting(unit_of_work)
    waiting = second.wait()
    async with unit_of_work() as work:
        await first.stage.run(work, [Item("default", "CS-1", result(), lambda downstream: None)])
        await work.session.flush()
        giving_up = asyncio.create_task(second.run(failure(link.CommandFailure.REASON_TIMEOUT)))
        await somebody_waits(postgres_engine)
        await work.commit()
    await giving_up

    assert [name_in(event.command_finished, "state") for event in await events(unit_of_work)] == ["ANSWERED"]
    outcome = await waiting
    assert (outcome.message, outcome.error) == (ACCEPTED, None)
