"""Events become the same transaction in whatever order they come."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citrine.ocpp.v2.transactions_pb2 import (
    ChargingStateEnum,
    ReasonEnum,
    TransactionEventRequest,
    TriggerReasonEnum,
)
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, SampledValue
from citrine_core.blocks.transactions.fold import Occurrence, TransactionState, fold
from tests.support.charging import BEGINNING, ended, meter_value, sampled, started, transaction_event, updated

ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
INVALID = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID


def state_of(*requests: TransactionEventRequest) -> TransactionState:
    occurrences = [Occurrence.of("default", "CS-1", request) for request in requests]
    return fold(TransactionState("default", "CS-1", "T-1", 1), occurrences)


def register(value: float, context: str = "SAMPLE_PERIODIC") -> SampledValue:
    return sampled(value, "ENERGY_ACTIVE_IMPORT_REGISTER", context=context)


def test_energy_is_the_register_since_the_beginning() -> None:
    state = state_of(started(0, 1000.0), updated(1, 1400.0), ended(2, 2500.5))

    assert (state.meter_start_wh, state.meter_last_wh, state.energy_wh) == (1000.0, 2500.5, 1500.5)
    assert (state.start_time, state.end_time) == (BEGINNING, BEGINNING + timedelta(minutes=2))


def test_energy_has_no_digits_that_the_meter_did_not_show() -> None:
    state = state_of(started(0, 1000.1), ended(1, sampled(1.5003, unit="kWh")))

    assert state.energy_wh == 500.2


@pytest.mark.parametrize(
    ("trigger", "info", "expected"),
    [
        pytest.param("STOP_AUTHORIZED", {}, "LOCAL", id="E06.FR.09"),
        pytest.param("EV_COMMUNICATION_LOST", {}, "EV_DISCONNECTED", id="the trigger tells more"),
        pytest.param(
            "REMOTE_STOP", {"stopped_reason": ReasonEnum.REASON_ENUM_OTHER}, "OTHER", id="what is said counts"
        ),
    ],
)
def test_why_it_ended(trigger: str, info: dict[str, Any], expected: str) -> None:
    state = state_of(started(0, trigger="CABLE_PLUGGED_IN"), ended(1, trigger=trigger, info=info))

    assert state.stopped_reason == ReasonEnum.Value(f"REASON_ENUM_{expected}")
    assert state.start_trigger == TriggerReasonEnum.TRIGGER_REASON_ENUM_CABLE_PLUGGED_IN
    assert state.end_trigger == TriggerReasonEnum.Value(f"TRIGGER_REASON_ENUM_{trigger}")


def test_details_are_the_latest_and_who_stopped_is_kept_apart() -> None:
    state = state_of(
        started(0, id_token="CARD", cable_max_current=32, number_of_phases_used=3),
        updated(1, info={"time_spent_charging": 60}, number_of_phases_used=1),
        updated(2, id_token="OTHER", trigger="STOP_AUTHORIZED", info={"time_spent_charging": 90}),
    )

    assert (state.time_spent_charging, state.number_of_phases_used, state.cable_max_current) == (90, 1, 32)
    assert (state.id_token, state.stop_id_token) == ("CARD", "OTHER")


@pytest.mark.parametrize(
    ("events", "missing"),
    [
        pytest.param([started(0), updated(1), ended(2)], 0, id="all there"),
        pytest.param([started(3), ended(4)], 0, id="E01.FR.07: older stations count on from one to the next"),
        pytest.param([started(0), ended(3)], 2, id="a gap"),
        pytest.param([updated(5), ended(6)], 1, id="no beginning"),
        pytest.param([started(0), updated(0, minutes=1), ended(0, minutes=2)], 0, id="everything numbered 0"),
    ],
)
def test_how_many_events_are_missing(events: list[TransactionEventRequest], missing: int) -> None:
    assert state_of(*events).missing == missing


def test_events_without_a_register_leave_energy_as_it_is() -> None:
    state = state_of(
        started(0, 1000.0), updated(1, 1400.0), updated(2, sampled(7000.0, "POWER_ACTIVE_IMPORT")), ended(3)
    )

    assert state.energy_wh == 400.0


def test_no_register_is_no_energy() -> None:
    state = state_of(started(0), updated(1, sampled(55.0, "SOC")))

    assert (state.energy_wh, state.meter_start_wh, state.soc_percent) == (None, None, 55.0)


def test_the_value_of_the_beginning_is_preferred_wherever_it_comes() -> None:
    """E01.FR.17: it may come with a later event than the first."""
    state = state_of(
        started(0, 990.0), updated(1, register(1000.0, "TRANSACTION_BEGIN")), updated(2, 1300.0), ended(3, 1500.0)
    )

    assert (state.meter_start_wh, state.energy_wh) == (1000.0, 500.0)


def test_all_readings_once_more_at_the_end_change_nothing() -> None:
    """J02.FR.10: Ended may bring the samples of all intervals."""
    again = [
        meter_value(0, register(1000.0, "TRANSACTION_BEGIN")),
        meter_value(1, 1400.0),
        meter_value(3, register(1900.0, "TRANSACTION_END")),
    ]

    state = state_of(
        started(0, register(1000.0, "TRANSACTION_BEGIN")), updated(1, 1400.0), ended(3, meter_values=again)
    )

    assert (state.meter_start_wh, state.meter_last_wh, state.energy_wh) == (1000.0, 1900.0, 900.0)


def test_a_register_that_restarts_adds_up() -> None:
    """The meter of a station that rebooted counts from 0; what was charged before stays charged."""
    state = state_of(started(0, 0.0), updated(1, 4000.0), updated(2, 5000.0), updated(3, 120.0), ended(4, 700.0))

    assert (state.meter_last_wh, state.energy_wh) == (700.0, 5700.0)


def test_a_register_that_steps_back_a_little_is_noise() -> None:
    state = state_of(started(0, 1000.0), updated(1, 1009.6175537109375), updated(2, 1009.61), ended(3, 1009.7))

    assert state.energy_wh == pytest.approx(9.7)


def test_an_old_reading_is_no_restart() -> None:
    """Some stations number their events in another order than they took the values."""
    state = state_of(started(0, 0.0), updated(1, 900.0, minutes=20), updated(2, 300.0, minutes=10), ended(3, 950.0))

    assert state.energy_wh == 950.0


def test_hostile_registers_never_make_energy_negative_or_infinite() -> None:
    values = (1e308, -1e308, 5e-324, -5.0, 1e16, -0.0, 12.0)

    state = state_of(*(updated(number, value) for number, value in enumerate(values)))

    assert state.energy_wh is not None
    assert 0 <= state.energy_wh < 1e16


def test_ended_is_final() -> None:
    late = updated(
        3,
        sampled(9000.0, "POWER_ACTIVE_IMPORT"),
        9999.0,
        info={"charging_state": ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING},
    )

    state = state_of(
        started(0, 1000.0),
        ended(2, 1500.0, info={"charging_state": ChargingStateEnum.CHARGING_STATE_ENUM_IDLE}),
        late,
        ended(4, minutes=9, info={"stopped_reason": ReasonEnum.REASON_ENUM_LOCAL}),
    )

    assert state.end_time == BEGINNING + timedelta(minutes=2)
    assert (state.energy_wh, state.charging_state) == (500.0, ChargingStateEnum.CHARGING_STATE_ENUM_IDLE)
    assert (state.power_w, state.stopped_reason) == (9000.0, ReasonEnum.REASON_ENUM_LOCAL)


def test_the_token_is_the_first_that_was_accepted() -> None:
    events = [
        updated(1, id_token="REFUSED", trigger="AUTHORIZED"),
        updated(2, id_token="FIRST", trigger="AUTHORIZED"),
        updated(3, id_token="SECOND", trigger="AUTHORIZED"),
        ended(4, id_token="STOPS", trigger="STOP_AUTHORIZED"),
    ]
    occurrences = [Occurrence.of("default", "CS-1", event) for event in events]
    for occurrence, status in zip(occurrences, (INVALID, ACCEPTED, ACCEPTED, ACCEPTED), strict=True):
        occurrence.token_status = status

    state = fold(TransactionState("default", "CS-1", "T-1", 1), occurrences)

    assert (state.id_token, state.id_token_status) == ("FIRST", ACCEPTED)


def test_the_evse_may_come_late_and_without_a_connector() -> None:
    state = state_of(started(0), updated(1, evse=(2, 1)), updated(2, evse=(2, 1)))

    assert (state.evse_id, state.connector_id) == (2, 1)


def test_whether_offline_is_said_makes_no_other_event() -> None:
    """E11.FR.07: what is sent again after an interruption says that it was sent offline."""
    request = updated(1, 5.0, offline=False)
    said = Occurrence.of("default", "CS-1", request)
    request.offline = True

    again = Occurrence.of("default", "CS-1", request)

    assert (said.digest, said.content) == (again.digest, again.content)
    assert (said.offline, again.offline, request.offline) == (False, True, True)


@st.composite
def events(draw: st.DrawFn) -> list[TransactionEventRequest]:
    """Events of one transaction as the worst stations number them: any seqNo, any time, any type."""
    made = []
    for _ in range(draw(st.integers(1, 7))):
        values: list[SampledValue | float] = draw(
            st.lists(
                st.one_of(
                    st.floats(-10, 5000, allow_nan=False),
                    st.builds(register, st.floats(0, 5000), st.just("TRANSACTION_BEGIN")),
                    st.builds(lambda soc: sampled(soc, "SOC"), st.floats(0, 100)),
                ),
                max_size=3,
            )
        )
        made.append(
            transaction_event(
                draw(st.sampled_from(["STARTED", "UPDATED", "UPDATED", "ENDED"])),
                draw(st.integers(0, 5)),
                *values,
                minutes=draw(st.integers(0, 6)),
                id_token=draw(st.sampled_from([None, "A", "B"])),
                evse=draw(st.sampled_from([None, (1, 1), (2, 1)])),
            )
        )
    return made


@given(st.data())
def test_any_order_gives_the_same_transaction(data: st.DataObject) -> None:
    requests = {request.SerializeToString(deterministic=True): request for request in data.draw(events())}
    order = data.draw(st.permutations(list(requests.values())))

    state = state_of(*order)

    assert asdict(state) == asdict(state_of(*requests.values()))
    assert state.events == len(requests)
    assert state.seq_nos == len({request.seq_no for request in requests.values()})
    assert state.energy_wh is None or state.energy_wh >= 0
