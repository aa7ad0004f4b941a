"""What becomes of profiles without a message about them."""

from datetime import timedelta

from sqlalchemy import select

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.remote_control_pb2 import (
    REQUEST_START_STOP_STATUS_ENUM_ACCEPTED,
    RequestStartTransactionRequest,
    RequestStartTransactionResponse,
)
from citrine_core.blocks.smart_charging import ChargingPlans, PlanTriggers, ProfileAnswers, ProfileExpiry, ProfileRecord
from citrine_core.blocks.smart_charging.records import WANTED, new_record, same_profile
from citrine_core.blocks.transactions.handlers import TransactionsHandlers
from citrine_core.db import UnitOfWorkFactory
from tests.support.blocks import NOW, answered, call_of, events, handle, services_of
from tests.support.charging import ended, started
from tests.support.event_words import name_in

LATER = NOW + timedelta(hours=2)


def profile(profile_id: int = 1) -> types.ChargingProfile:
    return types.ChargingProfile(
        id=profile_id,
        charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RELATIVE,
        charging_schedule=[types.ChargingSchedule(id=1, charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_A)],
    )


async def start(unit_of_work: UnitOfWorkFactory, remote_start_id: int, profile_id: int) -> None:
    """Have a station agree to start a transaction with a profile."""
    services = services_of(unit_of_work)
    request = RequestStartTransactionRequest(
        evse_id=1, remote_start_id=remote_start_id, charging_profile=profile(profile_id)
    )
    response = RequestStartTransactionResponse(status=REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
    answers = ProfileAnswers(services, ChargingPlans(services), PlanTriggers(services.clock, lambda: None))
    await handle(unit_of_work, answers.started_with_profile, answered(request, response))


async def states(unit_of_work: UnitOfWorkFactory) -> list[tuple[int, str | None, int, str]]:
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(ProfileRecord).order_by(ProfileRecord.id))
        return [(row.profile_id, row.transaction_id, row.state, row.reason) for row in rows]


async def test_K05_the_profile_of_a_remote_start_belongs_to_its_transaction(unit_of_work: UnitOfWorkFactory) -> None:
    """Whichever core hears of the transaction, and long after."""
    transactions = TransactionsHandlers(services_of(unit_of_work)).transaction_events
    await start(unit_of_work, 7, 1)
    await start(unit_of_work, 8, 2)
    await handle(unit_of_work, transactions, [call_of(started(0, evse=(1, 1), info={"remote_start_id": 7}))])
    await ProfileExpiry(unit_of_work, lambda: NOW).run()
    before = await states(unit_of_work)
    await handle(unit_of_work, transactions, [call_of(ended(1))])

    await ProfileExpiry(unit_of_work, lambda: LATER).run()

    accepted, over = pb.CHARGING_PROFILE_STATE_ACCEPTED, pb.CHARGING_PROFILE_STATE_ENDED
    assert before == [(1, "T-1", accepted, ""), (2, None, accepted, "")]
    assert await states(unit_of_work) == [(1, "T-1", over, ""), (2, None, over, "no transaction began")]
    changes = [one.charging_profile_changed for one in await events(unit_of_work)]
    assert [name_in(change, "state") for change in changes if change.record_id] == [
        "ACCEPTED",
        "ACCEPTED",
        "ENDED",
        "ENDED",
    ]


async def test_a_profile_whose_command_nobody_heard_of_is_given_up(unit_of_work: UnitOfWorkFactory) -> None:
    row = new_record("default", "CS-1", 1, profile(), WANTED, NOW)
    row.wanted_until = NOW + timedelta(minutes=15)
    async with unit_of_work() as work:
        work.session.add(row)
        await work.commit()

    await ProfileExpiry(unit_of_work, lambda: LATER).run()

    [(_, _, state, reason)] = await states(unit_of_work)
    assert (state, reason) == (pb.CHARGING_PROFILE_STATE_FAILED, "nothing was heard of its command")


def test_profiles_are_the_same_however_they_are_spelled() -> None:
    ours, theirs, other = profile(), profile(), profile()
    for one, limit, phases in ((ours, 16.0, None), (theirs, 16.04, 3), (other, 8.0, None)):
        one.charging_schedule[0].charging_schedule_period.add(start_period=0, limit=limit, number_phases=phases)

    assert same_profile(ours, theirs)
    assert not same_profile(ours, other)
