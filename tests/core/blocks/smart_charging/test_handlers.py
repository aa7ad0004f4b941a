"""What stations tell of limits and vehicles, and what they are answered."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.common_pb2 import COMMAND_STATE_FAILED
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging import (
    Capacity,
    ChargingPlans,
    ExternalLimit,
    Negotiation,
    PlanTriggers,
    ProfileAnswers,
    SmartChargingHandlers,
    forget_charging,
)
from citrine_core.blocks.smart_charging.records import ACCEPTED, WANTED, new_record
from citrine_core.blocks.transactions.handlers import TransactionsHandlers
from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch import CommandEnd, Failed
from tests.support.blocks import NOW, add_station, answered, call_of, events, handle, services_of, stamp
from tests.support.charging import started

A = types.CHARGING_RATE_UNIT_ENUM_A
NEEDS_ACCEPTED = ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_ACCEPTED
NEEDS_PROCESSING = ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_PROCESSING
NEEDS_REJECTED = ocpp.NOTIFY_EV_CHARGING_NEEDS_STATUS_ENUM_REJECTED


def needs(evse_id: int = 1, **parameters: Any) -> ocpp.NotifyEVChargingNeedsRequest:
    values: dict[str, Any] = {"energy_amount": 10_000, "ev_min_current": 6, "ev_max_current": 16, "ev_max_voltage": 230}
    return ocpp.NotifyEVChargingNeedsRequest(
        evse_id=evse_id,
        charging_needs=ocpp.ChargingNeeds(
            requested_energy_transfer=types.ENERGY_TRANSFER_MODE_ENUM_AC_THREE_PHASE,
            ac_charging_parameters=ocpp.ACChargingParameters(**values | parameters),
        ),
    )


def chosen(limit: float, *, evse_id: int = 1, minutes: float = 0) -> ocpp.NotifyEVChargingScheduleRequest:
    period = types.ChargingSchedulePeriod(start_period=0, limit=limit)
    return ocpp.NotifyEVChargingScheduleRequest(
        time_base=stamp(NOW + timedelta(minutes=minutes)),
        evse_id=evse_id,
        charging_schedule=types.ChargingSchedule(id=1, charging_rate_unit=A, charging_schedule_period=[period]),
    )


def tx_profile(limit: float, profile_id: int = 1) -> types.ChargingProfile:
    return types.ChargingProfile(
        id=profile_id,
        charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE,
        transaction_id="T-1",
        charging_schedule=[
            types.ChargingSchedule(
                id=1,
                charging_rate_unit=A,
                start_schedule=stamp(),
                charging_schedule_period=[types.ChargingSchedulePeriod(start_period=0, limit=limit)],
            )
        ],
    )


class Station:
    """A station with a transaction on EVSE 1, whose messages go to the handlers."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, **settings: Any) -> None:
        services = services_of(unit_of_work, **settings)
        self.unit_of_work = unit_of_work
        self.plans = ChargingPlans(services)
        triggers = PlanTriggers(services.clock, lambda: None)
        self.handlers = SmartChargingHandlers(services, self.plans, triggers)
        self.answers = ProfileAnswers(services, self.plans, triggers)
        self.transactions = TransactionsHandlers(services)

    async def begin(self) -> "Station":
        await add_station(self.unit_of_work)
        await handle(self.unit_of_work, self.transactions.transaction_events, [call_of(started(0, evse=(1, 1)))])
        return self

    async def says(self, message: Any, receive_time: Any = NOW) -> Any:
        methods: dict[type, Callable[..., Any]] = {
            ocpp.NotifyEVChargingNeedsRequest: self.handlers.notify_ev_charging_needs,
            ocpp.NotifyEVChargingScheduleRequest: self.handlers.notify_ev_charging_schedule,
            ocpp.NotifyChargingLimitRequest: self.handlers.notify_charging_limit,
            ocpp.ClearedChargingLimitRequest: self.handlers.cleared_charging_limit,
        }
        return await handle(self.unit_of_work, methods[type(message)], call_of(message, receive_time=receive_time))

    async def has(self, *rows: Any) -> None:
        async with self.unit_of_work() as work:
            work.session.add_all(rows)
            await work.commit()

    async def negotiations(self) -> Sequence[Negotiation]:
        async with self.unit_of_work(read_only=True) as work:
            return (await work.session.scalars(select(Negotiation).order_by(Negotiation.id))).all()


@pytest.fixture
async def station(unit_of_work: UnitOfWorkFactory) -> Station:
    return await Station(unit_of_work).begin()


async def test_K15_FR_03_needs_that_can_be_met_are_accepted_and_planned_for(station: Station) -> None:
    first = await station.says(needs())
    again = await station.says(needs())

    assert first.status == again.status == NEEDS_ACCEPTED
    [row] = await station.negotiations()
    assert (row.state, row.transaction_id, row.due_time) == (pb.CHARGING_NEGOTIATION_STATE_PENDING, "T-1", NOW)
    [event] = [one for one in await events(station.unit_of_work) if one.HasField("charging_needs_received")]
    assert event.charging_needs_received.transaction_id == "T-1"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param(needs(ev_max_current=0), "InvalidValue", id="nothing-to-go-by"),
        pytest.param(needs(ev_min_current=12), "Unspecified", id="too-little-there"),
    ],
)
async def test_K15_FR_04_needs_that_can_not_be_met_are_rejected(station: Station, message: Any, code: str) -> None:
    await station.has(Capacity(tenant_id="default", station_id="CS-1", evse_id=1, max_current_a=10, update_time=NOW))

    answer = await station.says(message)

    assert (answer.status, answer.status_info.reason_code) == (NEEDS_REJECTED, code)
    [row] = await station.negotiations()
    assert (row.state, row.needs_status) == (pb.CHARGING_NEGOTIATION_STATE_REFUSED, NEEDS_REJECTED)
    assert row.reason == answer.status_info.additional_info


async def test_K15_FR_05_clients_that_plan_are_told_and_their_schedule_counts(unit_of_work: UnitOfWorkFactory) -> None:
    station = await Station(unit_of_work, charging_plans="clients").begin()

    answer = await station.says(needs())
    request = ocpp.SetChargingProfileRequest(evse_id=1, charging_profile=tx_profile(10))
    response = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
    [before] = await station.negotiations()
    await handle(unit_of_work, station.answers.profile_set, answered(request, response))

    assert answer.status == NEEDS_PROCESSING
    assert before.state == pb.CHARGING_NEGOTIATION_STATE_AWAITING_CLIENT
    [row] = await station.negotiations()
    assert (row.state, row.profile_id) == (pb.CHARGING_NEGOTIATION_STATE_ACCEPTED, 1)


async def test_K15_FR_05_needs_may_come_before_their_transaction(station: Station) -> None:
    """Stations queue transactions apart from other messages."""
    answer = await station.says(needs(2))
    await station.says(needs(2))

    assert answer.status == NEEDS_PROCESSING
    [row] = await station.negotiations()
    assert (row.state, row.transaction_id) == (pb.CHARGING_NEGOTIATION_STATE_PENDING, None)


async def test_a_transaction_that_does_not_say_where_it_is_is_the_one(unit_of_work: UnitOfWorkFactory) -> None:
    """Some stations send no EVSE with their transactions."""
    station = Station(unit_of_work)
    await add_station(unit_of_work)
    await handle(unit_of_work, station.transactions.transaction_events, [call_of(started(0))])

    assert (await station.says(needs(2))).status == NEEDS_ACCEPTED


async def test_K15_FR_12_a_schedule_beyond_its_limits_is_rejected_and_renegotiated_a_few_times(
    station: Station,
) -> None:
    await station.says(needs())
    await station.has(new_record("default", "CS-1", 1, tx_profile(10), ACCEPTED, NOW))

    statuses = [(await station.says(chosen(20, minutes=minute))).status for minute in range(5)]
    within = await station.says(chosen(10))

    assert statuses == [types.GENERIC_STATUS_ENUM_REJECTED] * 5
    assert within.status == types.GENERIC_STATUS_ENUM_ACCEPTED
    rows = await station.negotiations()
    assert [row.rounds for row in rows] == [0, 1, 2, 3]
    assert all(row.needs == rows[0].needs for row in rows)
    # The same message again is the same answer, and nothing else.
    await station.says(chosen(20, minutes=9))
    await station.says(chosen(20, minutes=9))
    received = [one for one in await events(station.unit_of_work) if one.HasField("ev_charging_schedule_received")]
    assert len(received) == 7


async def test_a_schedule_is_checked_against_what_is_on_its_way_too(station: Station) -> None:
    """The vehicle may have been told of it before its station said so."""
    await station.has(
        new_record("default", "CS-1", 1, tx_profile(10), ACCEPTED, NOW),
        new_record("default", "CS-1", 1, tx_profile(14), WANTED, NOW),
    )

    answers = [(await station.says(chosen(limit))).status for limit in (14, 15)]

    assert answers == [types.GENERIC_STATUS_ENUM_ACCEPTED, types.GENERIC_STATUS_ENUM_REJECTED]


async def test_a_schedule_without_a_transaction_is_rejected(station: Station) -> None:
    answer = await station.says(chosen(6, evse_id=3))

    assert answer.status == types.GENERIC_STATUS_ENUM_REJECTED
    assert answer.status_info.reason_code == "TxNotFound"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("code", "failures", "state"),
    [
        pytest.param("InternalError", 1, pb.CHARGING_NEGOTIATION_STATE_PENDING, id="sent-again"),
        pytest.param("InternalError", 3, pb.CHARGING_NEGOTIATION_STATE_FAILED, id="not-for-ever"),
        pytest.param("NotSupported", 1, pb.CHARGING_NEGOTIATION_STATE_FAILED, id="of-no-use"),
    ],
)
async def test_a_schedule_that_was_not_taken_is_sent_again(
    station: Station, code: str, failures: int, state: int
) -> None:
    await station.says(needs())
    [row] = await station.negotiations()
    async with station.unit_of_work() as work:
        sent = await work.session.get_one(Negotiation, row.id)
        sent.state, sent.profile_id, sent.attempts = pb.CHARGING_NEGOTIATION_STATE_SENT, 1, failures
        work.session.add(new_record("default", "CS-1", 1, tx_profile(16), WANTED, NOW))
        await work.commit()
    request = ocpp.SetChargingProfileRequest(evse_id=1, charging_profile=tx_profile(16))
    failed = Failed("default", "CS-1", "command-1", request, COMMAND_STATE_FAILED, code, "no", NOW, CommandEnd.REFUSED)

    await handle(station.unit_of_work, station.answers.profile_not_set, failed)

    [row] = await station.negotiations()
    assert (row.state, row.reason) == (state, f"{code}: no")
    assert row.due_time > NOW or state == pb.CHARGING_NEGOTIATION_STATE_FAILED


def limited(source: str, evse_id: int | None = None, limit: float = 10) -> ocpp.NotifyChargingLimitRequest:
    period = types.ChargingSchedulePeriod(start_period=0, limit=limit)
    schedule = types.ChargingSchedule(id=1, charging_rate_unit=A, charging_schedule_period=[period])
    return ocpp.NotifyChargingLimitRequest(
        charging_limit=ocpp.ChargingLimit(charging_limit_source=source), charging_schedule=[schedule], evse_id=evse_id
    )


async def test_K11_limits_of_others_are_kept_and_bound_plans(station: Station) -> None:
    await station.says(limited("EMS", 1, 4))
    await station.says(limited("EMS", 1, 4))
    refused = await station.says(needs())
    await station.says(limited("EMS", 1, 8))
    await station.says(limited("SO"))
    accepted = await station.says(needs())
    await station.says(ocpp.ClearedChargingLimitRequest(charging_limit_source="EMS"))
    await station.says(ocpp.ClearedChargingLimitRequest(charging_limit_source="EMS"))

    assert (refused.status, accepted.status) == (NEEDS_REJECTED, NEEDS_ACCEPTED)
    async with station.unit_of_work(read_only=True) as work:
        rows = (await work.session.scalars(select(ExternalLimit).order_by(ExternalLimit.id))).all()
    assert [(row.source, row.evse_id, row.clear_time is None) for row in rows] == [
        ("EMS", 1, False),
        ("EMS", 1, False),
        ("SO", 0, True),
    ]
    changes = [one.charging_limit_changed for one in await events(station.unit_of_work)]
    told = [(change.charging_limit_source, change.HasField("limit")) for change in changes if change.ByteSize()]
    assert told == [("EMS", True), ("EMS", True), ("SO", True), ("EMS", False)]


async def test_K13_a_limit_is_cleared_on_its_evse_only(station: Station) -> None:
    await station.says(limited("EMS", 1))
    await station.says(limited("EMS", 2))

    await station.says(ocpp.ClearedChargingLimitRequest(charging_limit_source="EMS", evse_id=2))

    async with station.unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(ExternalLimit.evse_id).where(ExternalLimit.clear_time.is_(None)))
        assert rows.all() == [1]


async def test_a_removed_station_leaves_nothing(station: Station) -> None:
    await station.says(needs())
    await station.says(limited("EMS"))

    async with station.unit_of_work() as work:
        await forget_charging(work, "default", "CS-1")
        await work.commit()

    assert await station.negotiations() == []
