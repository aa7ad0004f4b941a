"""How transactions are settled that get no end, on a whole core with stations played by the test."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import transactions_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import RequestStopTransactionRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token, TokenRules
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, HeartbeatRequest, StatusNotificationRequest
from citrine.ocpp.v2.diagnostics_pb2 import (
    EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
    EVENT_TRIGGER_ENUM_DELTA,
    EventData,
    NotifyEventRequest,
)
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.transactions_pb2 import (
    ChargingStateEnum,
    GetTransactionStatusRequest,
    GetTransactionStatusResponse,
)
from citrine.ocpp.v2.types_pb2 import EVSE, AuthorizationStatusEnum, Component, IdToken, Variable
from citrine_core.blocks.transactions.checks import CheckRepository
from citrine_core.events import OutboxEvent
from tests.support.charging import at, ended, meter_value, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.settling import settle_all
from tests.support.statements import statements

NAMES: dict[str, Any] = {"station_id": "CS-1", "transaction_id": "T-1"}


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def station(edge: FakeEdge) -> FakeSession:
    return await edge.connect("CS-1", PASSWORD)


@pytest.fixture
def api(core: RunningCore) -> Any:
    return core.stub(TransactionsServiceStub)


async def transaction(api: Any, transaction_id: str = "T-1") -> pb.Transaction:
    found: pb.Transaction = await api.GetTransaction(pb.GetTransactionRequest(transaction_id=transaction_id))
    return found


async def events(core: RunningCore, body: str) -> list[Any]:
    async with core.core.unit_of_work(read_only=True) as work:
        payloads = await work.session.scalars(select(OutboxEvent.payload).order_by(OutboxEvent.id))
        found = [Event.FromString(payload) for payload in payloads]
    return [getattr(one, body) for one in found if one.WhichOneof("body") == body]


def available(minutes: float, evse_id: int = 1, connector_id: int = 1) -> StatusNotificationRequest:
    return StatusNotificationRequest(
        timestamp=at(minutes),
        connector_status=ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_AVAILABLE,
        evse_id=evse_id,
        connector_id=connector_id,
    )


async def test_an_available_connector_proves_that_a_transaction_is_over(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    await station.call_all([started(0, 0.0, evse=(1, 1)), updated(1, 500.0)])

    await station.call(available(5))
    over = await transaction(api)
    await settle_all(core)

    assert (over.HasField("over_time"), over.HasField("close_time")) == (True, False)
    [event] = await events(core, "transaction_over")
    summary = event.transaction
    assert (event.transaction_id, summary.transaction_id, summary.evse_id, summary.energy_wh) == ("T-1", "T-1", 1, 500)
    settled = await transaction(api)
    assert (settled.HasField("close_time"), settled.settlement) == (True, cost_pb.SETTLEMENT_OVER)
    assert [name_in(event, "settlement") for event in await events(core, "transaction_settled")] == ["OVER"]


async def test_an_event_of_an_available_connector_proves_the_same(station: FakeSession, api: Any) -> None:
    await station.call_all([started(0, 0.0, evse=(1, 1)), updated(1, 500.0)])
    event = EventData(
        event_id=1,
        timestamp=at(5),
        trigger=EVENT_TRIGGER_ENUM_DELTA,
        actual_value="Available",
        event_notification_type=EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
        component=Component(name="Connector", evse=EVSE(id=1, connector_id=1)),
        variable=Variable(name="AvailabilityState"),
    )

    await station.call(NotifyEventRequest(generated_at=at(5), seq_no=0, event_data=[event]))

    assert (await transaction(api)).HasField("over_time")


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "status",
    [
        pytest.param(available(0.5), id="of the past"),
        pytest.param(available(5, evse_id=2), id="of another EVSE"),
        pytest.param(available(5, connector_id=2), id="of another connector"),
    ],
)
async def test_other_statuses_prove_nothing(station: FakeSession, api: Any, status: StatusNotificationRequest) -> None:
    await station.call_all([started(0, 0.0, evse=(1, 1)), updated(1, 500.0)])

    await station.call(status)

    assert not (await transaction(api)).HasField("over_time")


async def test_a_connector_is_available_until_the_driver_plugs_in(station: FakeSession, api: Any) -> None:
    idle = {"charging_state": ChargingStateEnum.CHARGING_STATE_ENUM_IDLE}
    await station.call(started(0, 0.0, evse=(1, 1), info=idle, trigger="AUTHORIZED"))

    await station.call(available(5))

    assert not (await transaction(api)).HasField("over_time")


async def test_what_a_station_says_of_a_transaction_goes_before_what_proves_its_end(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    """A station that is back first says how its connectors are, and then what it queued (field experience)."""
    await station.call_all([started(0, 0.0, evse=(1, 1)), updated(1, 500.0)])
    await station.call(available(5))

    await station.call(ended(2, 900.0, offline=True))
    await settle_all(core)

    found = await transaction(api)
    assert (found.HasField("over_time"), found.HasField("close_time"), found.energy_wh) == (False, False, 900.0)
    assert found.settlement == cost_pb.SETTLEMENT_COMPLETE


async def test_E14_a_station_is_asked_about_what_seems_to_be_over(core: RunningCore, station: FakeSession) -> None:
    await station.call_all([started(0, 0.0, evse=(1, 1)), updated(1, 500.0)])
    await station.call(available(5))
    later = core.core.services.clock() + timedelta(minutes=1)

    async with core.core.unit_of_work() as work:
        checks = CheckRepository(work.session)
        asked = await checks.find_silent(later, timedelta(seconds=30), None, 10)
        await checks.answered(("default", "CS-1", "T-1"), True, False, later)
        await checks.goes_on(("default", "CS-1", "T-1"))
        await work.commit()

    assert asked == {("default", "CS-1", "T-1"): pb.TransactionCheck.REASON_OVER}


async def test_what_is_over_does_not_keep_its_driver_from_charging(
    core: RunningCore, edge: FakeEdge, station: FakeSession
) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    one = Token(id_token="0A0B0C0D", type="ISO14443", rules=TokenRules(max_transactions=1))
    await tokens.CreateToken(CreateTokenRequest(token=one))
    await core.add_station("CS-2", registration=1)
    other = await edge.connect("CS-2", PASSWORD)
    ask = AuthorizeRequest(id_token=IdToken(id_token="0A0B0C0D", type="ISO14443"))
    await station.call(started(0, 0.0, evse=(1, 1), id_token="0A0B0C0D", trigger="AUTHORIZED"))

    before = await other.call(ask)
    await station.call(started(0, 0.0, evse=(1, 1), transaction_id="T-2", minutes=9))
    after = await other.call(ask)

    statuses = AuthorizationStatusEnum
    assert before.id_token_info.status == statuses.AUTHORIZATION_STATUS_ENUM_CONCURRENT_TX
    assert after.id_token_info.status == statuses.AUTHORIZATION_STATUS_ENUM_ACCEPTED


async def test_the_next_transaction_of_a_driver_at_the_same_evse_is_no_concurrent_one(
    core: RunningCore, station: FakeSession
) -> None:
    """Where the station never told the end of the last: another one can't begin there while it goes on."""
    tokens: Any = core.stub(TokensServiceStub)
    one = Token(id_token="0A0B0C0D", type="ISO14443", rules=TokenRules(max_transactions=1))
    await tokens.CreateToken(CreateTokenRequest(token=one))
    fields: dict[str, Any] = {"id_token": "0A0B0C0D", "trigger": "AUTHORIZED"}
    await station.call(started(0, 0.0, evse=(1, 1), **fields))

    elsewhere = await station.call(started(0, 0.0, evse=(2, 1), transaction_id="T-2", minutes=8, **fields))
    again = await station.call(started(0, 0.0, evse=(1, 1), transaction_id="T-3", minutes=9, **fields))

    statuses = AuthorizationStatusEnum
    assert elsewhere.id_token_info.status == statuses.AUTHORIZATION_STATUS_ENUM_CONCURRENT_TX
    assert again.id_token_info.status == statuses.AUTHORIZATION_STATUS_ENUM_ACCEPTED


async def test_what_was_closed_is_reopened_and_closed_again_if_nothing_comes(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    await station.call_all([started(0, 0.0), updated(1, 500.0)])
    await api.CloseTransaction(pb.CloseTransactionRequest(**NAMES))

    reopened = await api.ReopenTransaction(pb.ReopenTransactionRequest(**NAMES, reason="it still charges"))
    await settle_all(core)

    assert (reopened.HasField("close_time"), reopened.HasField("settle_due_time")) == (False, True)
    found = await transaction(api)
    assert (found.HasField("close_time"), found.settlement) == (True, cost_pb.SETTLEMENT_TIMED_OUT)
    assert [event.requested_by != "" for event in await events(core, "transaction_reopened")] == [True]


async def test_what_is_due_is_settled_once_however_many_cores_look(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    for number in range(5):
        name = f"T-{number}"
        await station.call_all([started(0, 0.0, transaction_id=name), ended(2, 9.0, transaction_id=name)])
    await settle_all(core, runs=4)

    settled = [event.transaction.transaction_id for event in await events(core, "transaction_settled")]
    assert sorted(settled) == [f"T-{number}" for number in range(5)]
    assert (await transaction(api)).settlement == cost_pb.SETTLEMENT_TIMED_OUT


async def test_those_without_an_end_are_settled_together_with_the_energy_of_their_evses(
    core: RunningCore, station: FakeSession, api: Any
) -> None:
    """A transaction has nothing but its beginning, and its EVSE sends MeterValues. Few statements find them all."""
    evses = range(1, 9)
    await station.call_all([started(0, evse=(one, 1), transaction_id=f"T-{one}") for one in evses])
    for one in evses:
        values = [meter_value(1, 100.0), meter_value(2, 100.0 + 10 * one)]
        await station.call(MeterValuesRequest(evse_id=one, meter_value=values))
    await station.call_all([available(5, evse_id=one) for one in evses])

    with statements(core.core.engine) as seen:
        await settle_all(core)

    assert [(await transaction(api, f"T-{one}")).energy_wh for one in evses] == [10 * one for one in evses]
    assert sum("FROM samples" in statement for statement, _ in seen) < 4


async def test_stations_are_sent_their_own_ids(
    core: RunningCore, edge: FakeEdge, station: FakeSession, api: Any
) -> None:
    """Where we call a transaction otherwise, because its id was used before."""

    def answer_command(command: Any) -> Any:
        if isinstance(unwrap(command.request), GetTransactionStatusRequest):
            return GetTransactionStatusResponse(ongoing_indicator=False, messages_in_queue=False)
        return remote_control.RequestStopTransactionResponse(
            status=remote_control.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
        )

    edge.on_command = answer_command
    await station.call_all([started(0, 0.0), ended(1, 5.0), started(0, 5.0, minutes=9), updated(1, 6.0, minutes=10)])
    remote: Any = core.stub(RemoteControlServiceStub)
    target = CommandTarget(station_id="CS-1")

    stop = remote_control.RequestStopTransactionRequest(transaction_id="T-1#2")
    await remote.RequestStopTransaction(RequestStopTransactionRequest(target=target, request=stop))
    status = GetTransactionStatusRequest(transaction_id="T-1#2")
    await api.GetTransactionStatus(pb.GetTransactionStatusRequest(target=target, request=status))
    await station.call(HeartbeatRequest())

    sent: list[Any] = [unwrap(command.request) for command in edge.commands]
    assert [one.transaction_id for one in sent] == ["T-1", "T-1"]
    again = await transaction(api, "T-1#2")
    assert (again.settlement, again.reported_transaction_id) == (cost_pb.SETTLEMENT_FORGOTTEN, "T-1")
    assert not (await transaction(api)).HasField("close_time")


async def test_a_settlement_needs_a_reason(api: Any, station: FakeSession) -> None:
    await station.call(started(0))

    with pytest.raises(Exception, match="reason"):
        await api.SettleTransaction(pb.SettleTransactionRequest(**NAMES))
    settled = await api.SettleTransaction(pb.SettleTransactionRequest(**NAMES, reason="it is gone"))
    with pytest.raises(Exception, match="settled"):
        await api.SettleTransaction(pb.SettleTransactionRequest(**NAMES, reason="it is gone"))

    assert (settled.settlement, settled.HasField("close_time")) == (cost_pb.SETTLEMENT_OPERATOR, True)
