"""How much transactions may take, on a whole core with stations played by the test (C17, E16, F03, F07)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import exists, select

from citrine.api.v1 import authorization_pb2, remote_control_pb2
from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_BLOCKED,
    AddCreditRequest,
    CreateTokenRequest,
    DeleteTokenRequest,
    GetTokenRequest,
    SuspendTokenOwnerRequest,
    Token,
    UpdateTokenRequest,
)
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transaction_limits_pb2_grpc import TransactionLimitsServiceStub
from citrine.edge.v1.link_pb2 import OCPP_VERSION_21, OCPP_VERSION_201, Command
from citrine.events.v1.events_pb2 import TransactionLimitChanged
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionLimit
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_core.blocks.transactions.limits import LimitChecks
from citrine_core.blocks.transactions.limits.jobs import MOST_ATTEMPTS
from citrine_core.db.tables import metadata
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.transactions.test_clock_rule import assign
from tests.support.blocks import events
from tests.support.charging import ended, started, transaction_event, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.statements import statements
from tests.support.waiting import PAUSE, WAIT

PER_KWH = tariff(element(component("ENERGY", "1.00")), tariff_id="KWH")

OWN = "AA00BB11"

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

Status = AuthorizationStatusEnum
Answer = ocpp.RequestStartStopStatusEnum


def status(answer: Any) -> str:
    """Return what a token was answered, without the prefix."""
    return Status.Name(answer.id_token_info.status).removeprefix("AUTHORIZATION_STATUS_ENUM_")


class Limits:
    """A station that is asked to stop transactions, and the API as these tests need it."""

    def __init__(self, core: RunningCore, edge: FakeEdge, session: FakeSession) -> None:
        self.core = core
        self.session = session
        self.stops: list[str] = []
        self.answer = Answer.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
        # Any: the types of stubs are those of synchronous channels.
        self.limits: Any = core.stub(TransactionLimitsServiceStub)
        self.tokens: Any = core.stub(TokensServiceStub)
        self.remote: Any = core.stub(RemoteControlServiceStub)
        self.settings: Any = core.stub(AuthorizationServiceStub)
        edge.on_command = self._answer

    def _answer(self, command: Command) -> Any:
        message = unwrap(command.request)
        if isinstance(message, ocpp.RequestStopTransactionRequest):
            self.stops.append(message.transaction_id)
            return ocpp.RequestStopTransactionResponse(status=self.answer)
        return ocpp.RequestStartTransactionResponse(status=self.answer)

    async def check(self) -> None:
        """Let what is due be looked at: as if enough time had passed."""
        await self.make_due()
        table = metadata().tables["transaction_limits"]
        due = select(exists().where(table.c.due_time <= LONG_AGO))
        async with asyncio.timeout(WAIT):
            while True:
                await LimitChecks(self.core.core.services, lambda: None).run()
                async with self.core.core.unit_of_work(read_only=True) as work:
                    # The core's own job may be at some of it.
                    if not await work.session.scalar(due):
                        return
                await asyncio.sleep(PAUSE)

    async def make_due(self) -> None:
        """Let enough time have passed."""
        table = metadata().tables["transaction_limits"]
        async with self.core.core.unit_of_work() as work:
            due = table.update().where(table.c.due_time.is_not(None))
            await work.session.execute(due.values(due_time=LONG_AGO))
            await work.commit()

    async def get(self, transaction_id: str = "T-1") -> pb.TransactionLimit:
        request = pb.GetTransactionLimitRequest(station_id="CS-1", transaction_id=transaction_id)
        found: pb.TransactionLimit = await self.limits.GetTransactionLimit(request)
        return found

    async def set(self, transaction_id: str = "T-1", **limit: Any) -> pb.TransactionLimit:
        request = pb.SetTransactionLimitRequest(
            station_id="CS-1", transaction_id=transaction_id, limit=pb.UsageLimit(**limit)
        )
        found: pb.TransactionLimit = await self.limits.SetTransactionLimit(request)
        return found

    async def token(self, **fields: Any) -> None:
        token = Token(id_token=OWN, type="ISO14443", **fields)
        await self.tokens.CreateToken(CreateTokenRequest(token=token))

    async def credit(self, amount: str) -> Token:
        found: Token = await self.tokens.AddCredit(AddCreditRequest(id_token=OWN, amount=amount))
        return found

    async def left(self) -> str:
        found: Token = await self.tokens.GetToken(GetTokenRequest(id_token=OWN))
        return found.prepaid.left

    async def lost_authorization(self, policy: authorization_pb2.LostAuthorization.ValueType) -> None:
        settings = authorization_pb2.AuthorizationSettings(lost_authorization=policy)
        await self.settings.UpdateAuthorizationSettings(
            authorization_pb2.UpdateAuthorizationSettingsRequest(settings=settings)
        )

    async def until(self, state: str, *, check: bool = True) -> None:
        """Let what is due be looked at, unless it is by itself, and wait until a limit came into a state."""
        if check:
            await self.check()
        stream = self.core.stub(EventsServiceStub).Subscribe(SubscribeRequest(from_token="0"), timeout=WAIT)
        async for response in stream:
            if name_in(response.event.transaction_limit_changed, "state") == state:
                stream.cancel()
                return
        raise AssertionError("the stream ended")

    async def told(self) -> list[tuple[str, str]]:
        """Return what subscribers were told of limits: state and reason."""
        return [(name_in(body, "state"), name_in(body, "reason")) for body in await self.bodies()]

    async def bodies(self) -> list[TransactionLimitChanged]:
        """Return the events of limits."""
        found = await events(self.core.core.unit_of_work)
        return [one.transaction_limit_changed for one in found if one.HasField("transaction_limit_changed")]


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[Limits]:
    """A station of OCPP 2.0.1, which is not told limits."""
    async with core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        await assign(core, PER_KWH)
        yield Limits(core, edge, await edge.connect("CS-1", PASSWORD, version=OCPP_VERSION_201))


async def test_F03_FR_01_a_limit_of_energy_that_is_set_while_it_runs_stops_it_once(station: Limits) -> None:
    await station.session.call(started(0, 0, id_token=OWN, evse=(1, 1)))
    await station.set(max_energy_wh=5000)
    await station.check()
    before = await station.get()
    await station.session.call(updated(1, 5000))
    await station.make_due()
    await asyncio.gather(*(LimitChecks(station.core.core.services, lambda: None).run() for _ in range(2)))
    await station.until("STOPPED", check=False)
    await station.session.call(ended(2, 5000))
    await station.check()

    assert before.state == pb.LIMIT_STATE_ACTIVE
    assert station.stops == ["T-1"]
    after = await station.get()
    assert (after.state, after.reason, after.attempts) == (pb.LIMIT_STATE_STOPPED, pb.LIMIT_REASON_ENERGY, 1)
    assert after.HasField("reach_time")
    assert await station.told() == [("STOPPING", "ENERGY"), ("STOPPED", "ENERGY")]
    shown = [one.transaction for one in await station.bodies()]
    assert [(one.id_token.id_token, one.evse_id, one.energy_wh) for one in shown] == [(OWN, 1, 5000), (OWN, 1, 5000)]


async def test_a_limit_of_money_of_a_token_stops_each_of_its_transactions(station: Limits) -> None:
    await station.token(limit=pb.UsageLimit(max_cost="5.00"))
    await station.session.call(started(0, 0, id_token=OWN))
    await station.session.call(updated(1, 4900))
    await station.check()
    first = list(station.stops)
    await station.session.call(updated(2, 5000))
    await station.until("STOPPED")

    assert first == []
    assert station.stops == ["T-1"]
    found = await station.get()
    assert (found.limit.max_cost, found.requested_by, found.reason) == ("5.00", "token", pb.LIMIT_REASON_COST)


async def test_a_limit_of_time_counts_from_the_beginning(station: Limits) -> None:
    """The transaction began in the past by the station's clock, which is believed (E16.FR.09)."""
    await station.session.call(started(0, 0))
    await station.set(max_time=Duration(seconds=60))
    await station.until("STOPPED", check=False)

    assert station.stops == ["T-1"]
    assert (await station.get()).reason == pb.LIMIT_REASON_TIME


async def test_a_limit_of_a_start_counts_for_the_transaction_that_it_begins(station: Limits) -> None:
    """The lower one of token and start counts; the station does not repeat the token (F07)."""
    await station.token(limit=pb.UsageLimit(max_cost="3.00", max_energy_wh=9000))
    start = ocpp.RequestStartTransactionRequest(id_token=IdToken(id_token=OWN, type="ISO14443"), remote_start_id=7)
    await station.remote.RequestStartTransaction(
        remote_control_pb2.RequestStartTransactionRequest(
            target=CommandTarget(station_id="CS-1"), request=start, limit=pb.UsageLimit(max_energy_wh=2000)
        )
    )
    await station.session.call(started(0, 0, info={"remote_start_id": 7}))
    found = await station.get()
    await station.session.call(updated(1, 2000))
    await station.until("STOPPED")

    assert (found.limit.max_cost, found.limit.max_energy_wh, found.requested_by) == ("3.00", 2000, "start")
    assert station.stops == ["T-1"]
    shown = await station.remote.GetRemoteStart(
        remote_control_pb2.GetRemoteStartRequest(station_id="CS-1", remote_start_id=7)
    )
    assert shown.limit == pb.UsageLimit(max_energy_wh=2000)


async def test_a_station_that_refuses_is_asked_again_and_then_given_up(station: Limits) -> None:
    station.answer = Answer.REQUEST_START_STOP_STATUS_ENUM_REJECTED
    await station.session.call(started(0, 0))
    await station.set(max_time=Duration(seconds=1))
    await station.until("STOPPING", check=False)
    async with asyncio.timeout(WAIT):
        # A look finds nothing while the core's own one has the row.
        while (await station.get()).state != pb.LIMIT_STATE_FAILED:
            await station.check()

    assert len(station.stops) == MOST_ATTEMPTS
    found = await station.get()
    assert (found.state, found.problem) == (pb.LIMIT_STATE_FAILED, "the station refused to stop")


async def test_a_core_that_dies_before_it_asks_leaves_the_stop_to_the_next(station: Limits) -> None:
    """The row is taken, and nothing is sent: it is due again (the task of the first core never ran)."""
    await station.token(limit=pb.UsageLimit(max_cost="5.00"))
    await station.session.call(started(0, 0, id_token=OWN))
    await station.check()
    await station.session.call(updated(1, 5000))
    checks = LimitChecks(station.core.core.services, lambda: None)
    await station.make_due()
    taken: list[dict[str, Any]] = []
    await checks._claim(taken)
    before = list(station.stops)
    await station.until("STOPPED")

    assert (len(taken), before) == (1, [])
    assert station.stops == ["T-1"]
    assert (await station.get()).attempts == 2


async def test_a_station_that_is_off_is_asked_when_it_is_back(core: RunningCore) -> None:
    async with core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        session = await edge.connect("CS-1", PASSWORD, version=OCPP_VERSION_201)
        station = Limits(core, edge, session)
        await session.call(started(0, 0))
        await session.call(updated(1, 5000))
        await session.close()
        # Handled in order: the close before the other station's connection.
        await core.add_station("CS-2", registration=1)
        await edge.connect("CS-2", PASSWORD)
        await station.set(max_energy_wh=5000)
        await station.until("STOPPING", check=False)
        off = list(station.stops)
        await edge.connect("CS-1", PASSWORD, version=OCPP_VERSION_201)
        await station.until("STOPPED")

    assert (off, station.stops) == ([], ["T-1"])


async def test_a_transaction_that_ends_by_itself_is_left_alone(station: Limits) -> None:
    await station.session.call(started(0, 0))
    await station.set(max_energy_wh=5000)
    await station.session.call(ended(1, 6000))
    await station.check()

    assert station.stops == []
    assert (await station.get()).state == pb.LIMIT_STATE_OVER


async def test_a_limit_that_is_raised_counts_anew(station: Limits) -> None:
    await station.session.call(started(0, 0))
    await station.session.call(updated(1, 5000))
    await station.set(max_energy_wh=5000)
    await station.until("STOPPED", check=False)
    await station.set(max_energy_wh=9000)
    await station.check()

    assert station.stops == ["T-1"]
    assert (await station.get()).state == pb.LIMIT_STATE_ACTIVE


@pytest.mark.in_turn
@pytest.mark.parametrize("change", ["block", "remove", "no credit", "suspend"])
@pytest.mark.parametrize("stops", [True, False], ids=["stop", "go on"])
async def test_a_token_that_loses_its_authorization_stops_or_goes_on(station: Limits, change: str, stops: bool) -> None:
    await station.token(country_code="NL", party_id="TNM")
    if stops:
        await station.lost_authorization(authorization_pb2.LOST_AUTHORIZATION_STOP)
    await station.session.call(started(0, 0, id_token=OWN))
    changed = Token(id_token=OWN, type="ISO14443")
    if change == "suspend":
        await station.tokens.SuspendTokenOwner(SuspendTokenOwnerRequest(country_code="NL", party_id="TNM"))
    elif change == "remove":
        await station.tokens.DeleteToken(DeleteTokenRequest(id_token=OWN))
    else:
        if change == "block":
            changed.status = TOKEN_STATUS_BLOCKED
        else:
            changed.rules.no_credit = True
        await station.tokens.UpdateToken(UpdateTokenRequest(token=changed))
    await (station.until("STOPPED", check=False) if stops else station.check())

    assert station.stops == (["T-1"] if stops else [])


async def test_a_token_that_expires_stops_what_it_charges(station: Limits) -> None:
    await station.lost_authorization(authorization_pb2.LOST_AUTHORIZATION_STOP)
    await station.token()
    await station.session.call(started(0, 0, id_token=OWN))
    expired = Token(id_token=OWN, type="ISO14443")
    expired.expire_time.FromDatetime(datetime.now(UTC) - timedelta(minutes=1))
    await station.tokens.UpdateToken(UpdateTokenRequest(token=expired))
    await station.until("STOPPED", check=False)

    assert station.stops == ["T-1"]
    assert (await station.get()).reason == pb.LIMIT_REASON_TOKEN


async def test_C17_FR_02_a_prepaid_token_without_credit_is_refused(station: Limits) -> None:
    await station.token()
    await station.credit("5.00")
    asked = AuthorizeRequest(id_token=IdToken(id_token=OWN, type="ISO14443"))
    first = await station.session.call(asked)
    await station.session.call(started(0, 0, id_token=OWN))
    await station.session.call(ended(1, 5000))
    second = await station.session.call(asked)
    left = await station.left()
    topped_up = await station.credit("2.50")
    third = await station.session.call(asked)

    assert [status(answer) for answer in (first, second, third)] == ["ACCEPTED", "NO_CREDIT", "ACCEPTED"]
    assert first.id_token_info.HasField("cache_expiry_date_time")
    assert (left, topped_up.prepaid.paid, topped_up.prepaid.left) == ("0.00", "7.50", "2.50")


@pytest.mark.parametrize(
    ("policy", "stops", "state"),
    [
        (authorization_pb2.LOST_AUTHORIZATION_UNSPECIFIED, ["T-2"], pb.LIMIT_STATE_STOPPED),
        (authorization_pb2.LOST_AUTHORIZATION_STOP, ["T-2"], pb.LIMIT_STATE_STOPPED),
        (authorization_pb2.LOST_AUTHORIZATION_GO_ON, [], pb.LIMIT_STATE_EXCEEDED),
    ],
    ids=["default", "stop", "go on"],
)
async def test_two_transactions_of_a_prepaid_token_spend_the_same_money(
    station: Limits, policy: Any, stops: list[str], state: int
) -> None:
    await station.token()
    await station.credit("5.00")
    await station.lost_authorization(policy)
    await station.session.call(started(0, 0, id_token=OWN, evse=(1, 1)))
    await station.session.call(started(0, 0, id_token=OWN, transaction_id="T-2", evse=(2, 1)))
    await station.session.call(ended(1, 3000))
    await station.session.call(updated(1, 1900, transaction_id="T-2"))
    await station.check()
    before = list(station.stops)
    await station.session.call(updated(2, 2000, transaction_id="T-2"))
    await station.until("STOPPED" if stops else "EXCEEDED")

    assert before == []
    assert station.stops == stops
    found = await station.get("T-2")
    assert (found.prepaid, found.reason, found.state) == (True, pb.LIMIT_REASON_CREDIT, state)


async def test_E16_FR_02_a_station_that_keeps_to_limits_is_told_once(core: RunningCore) -> None:
    """Only what it says that it supports (E16.FR.12), and what is set later with the next answer."""
    async with core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        await assign(core, PER_KWH)
        station = Limits(core, edge, await edge.connect("CS-1", PASSWORD, version=OCPP_VERSION_21))
        await add_supported_limits(core, "maxCost,maxEnergy")
        await station.token()
        await station.credit("20.00")
        first = await station.session.call(started(0, 0, id_token=OWN))
        confirmed = await station.session.call(
            transaction_event("UPDATED", 1, info={"transaction_limit": TransactionLimit(max_cost=20)})
        )
        await station.set(max_energy_wh=5000, max_time=Duration(seconds=60))
        later = await station.session.call(updated(2, 0))
        again = await station.session.call(updated(3, 0))

    assert first.transaction_limit == TransactionLimit(max_cost=20)
    assert not confirmed.HasField("transaction_limit")
    assert later.transaction_limit == TransactionLimit(max_cost=20, max_energy=5000)
    assert not again.HasField("transaction_limit")


async def test_a_station_that_knows_no_limits_is_told_none(station: Limits) -> None:
    await add_supported_limits(station.core, "maxCost,maxEnergy")
    await station.token(limit=pb.UsageLimit(max_energy_wh=5000))
    answer = await station.session.call(started(0, 0, id_token=OWN))

    assert not answer.HasField("transaction_limit")


async def test_a_transaction_without_a_limit_costs_no_statement(station: Limits) -> None:
    await station.session.call(started(0, 0))
    with statements(station.core.core.engine) as seen:
        await station.session.call(updated(1, 0))

    assert not [text for text, _ in seen if "transaction_limits" in text and "EXISTS" not in text]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("limit", "field"),
    [
        (pb.UsageLimit(max_cost="-1"), "limit.max_cost"),
        (pb.UsageLimit(max_cost="1.23456"), "limit.max_cost"),
        (pb.UsageLimit(max_cost="abc"), "limit.max_cost"),
        (pb.UsageLimit(max_energy_wh=0), "limit.max_energy_wh"),
        (pb.UsageLimit(max_time=Duration()), "limit.max_time"),
    ],
)
async def test_what_limits_to_nothing_is_refused(station: Limits, limit: pb.UsageLimit, field: str) -> None:
    await station.session.call(started(0, 0))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await station.limits.SetTransactionLimit(
            pb.SetTransactionLimitRequest(station_id="CS-1", transaction_id="T-1", limit=limit)
        )

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in (refused.value.details() or "")


async def test_limits_are_listed_and_those_of_others_are_unknown(station: Limits) -> None:
    for transaction_id in ("T-1", "T-2"):
        await station.session.call(started(0, 0, transaction_id=transaction_id))
        await station.set(transaction_id, max_energy_wh=5000)
    listed = await station.limits.ListTransactionLimits(pb.ListTransactionLimitsRequest(station_id="CS-1"))
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await station.get("T-3")

    assert [one.transaction_id for one in listed.limits] == ["T-2", "T-1"]
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


async def add_supported_limits(core: RunningCore, value: str) -> None:
    """Have the station's device model say which limits it keeps to."""
    table = metadata().tables["variables"]
    row = {
        "tenant_id": "default",
        "station_id": "CS-1",
        "name_key": "txctrlr\n\nsupportedlimits\n",
        "component": "TxCtrlr",
        "component_instance": "",
        "evse_id": -1,
        "connector_id": -1,
        "variable": "SupportedLimits",
        "variable_instance": "",
        "attribute": 1,
        "value": value,
        "update_time": datetime.now(UTC),
    }
    async with core.core.unit_of_work() as work:
        await work.session.execute(table.insert().values(row))
        await work.commit()
