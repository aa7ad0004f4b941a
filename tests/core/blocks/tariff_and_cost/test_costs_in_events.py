"""What events of transactions say of the cost, and of the token's group."""

from typing import Any

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_ACCEPTED, CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2 import CloseTransactionRequest
from citrine.api.v1.transactions_pb2 import GetTransactionStatusRequest as AskStatus
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.events.v1.events_pb2 import TransactionSummary
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.transactions_pb2 import GetTransactionStatusRequest, GetTransactionStatusResponse
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_transaction_costs import Costs, connect
from tests.core.blocks.transactions.test_settlement import available
from tests.support.charging import ended, started, updated
from tests.support.core import RunningCore

PER_KWH = tariff(element(component("ENERGY", "0.30", "19"), component("FLAT", "0.50", "19")), tariff_id="KWH")

Told = tuple[str, str, str, str, str]
"""Kind of an event, and what it says: group, currency, and cost without and with tax."""


async def told_of(core: RunningCore, transaction_id: str, until: str) -> list[Told]:
    """Return what subscribers are told of a transaction, up to the first event of a kind."""
    kinds = ["transaction_started", "transaction_updated", "transaction_ended", "transaction_closed"]
    kinds += ["transaction_over", "transaction_checked"]
    events: Any = core.stub(EventsServiceStub)
    call = events.Subscribe(SubscribeRequest(from_token="0", kinds=[*kinds, "transaction_settled"]), timeout=20)
    found: list[Told] = []
    async for answer in call:
        kind = answer.event.WhichOneof("body")
        if kind is None:
            continue
        summary: TransactionSummary = getattr(answer.event, kind).transaction
        if summary.transaction_id == transaction_id:
            found.append((kind, summary.group_id, summary.currency, summary.before_tax, summary.after_tax))
            if kind == until:
                break
    call.cancel()
    return found


async def add_token(core: RunningCore, id_token: str, group_id: str) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    token = Token(id_token=id_token, type="ISO14443", status=TOKEN_STATUS_ACCEPTED, group_id=group_id)
    await tokens.CreateToken(CreateTokenRequest(token=token))


async def test_events_of_a_transaction_say_what_it_costs_and_whose_group_pays(core: RunningCore) -> None:
    """Each says the cost after it; of those that arrive together, the last does."""
    api = Costs(core)
    await api.assign(PER_KWH)
    await add_token(core, "AABBCCDD", "FLEET")
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 1000, id_token="AABBCCDD"))
        await station.call(updated(1, 6000))
        await station.call_all([updated(2, 7000), updated(3, 8000)])
        # It comes late, and has everything folded anew.
        await station.call(updated(5, 10000))
        await station.call(updated(4, 9000))
        await station.call(ended(6, 11000))
        told = await told_of(core, "T-1", "transaction_ended")

    group, currency = "FLEET", "EUR"
    assert [one[1] for one in told] == [group] * len(told)
    costs = [(kind, paid) for kind, _, money, _, paid in told if money == currency]
    assert costs[:2] == [("transaction_started", "0.60"), ("transaction_updated", "2.38")]
    assert costs[-1] == ("transaction_ended", "4.17")
    assert told[-1] == ("transaction_ended", group, currency, "3.50", "4.17")
    assert ("transaction_updated", "3.09") in costs


async def test_a_check_and_a_proof_of_the_end_say_what_is_known_of_the_cost(core: RunningCore) -> None:
    """Of what goes on, what it costs so far; of what was corrected, what the correction says."""
    api, transactions = Costs(core), core.stub(TransactionsServiceStub)
    checks = GetTransactionStatusRequest(transaction_id="T-1")
    await api.assign(PER_KWH)
    await add_token(core, "AABBCCDD", "FLEET")
    async with core.edge() as edge:
        edge.on_command = lambda command: GetTransactionStatusResponse(messages_in_queue=True)
        station = await connect(core, edge)
        await station.call(started(0, 1000, id_token="AABBCCDD", evse=(1, 1)))
        await station.call(updated(1, 6000))
        await station.call(available(5))
        await transactions.CloseTransaction(CloseTransactionRequest(station_id="CS-1", transaction_id="T-1"))
        await station.call(ended(2, 11000))
        request = AskStatus(target=CommandTarget(station_id="CS-1"), request=checks)
        await transactions.GetTransactionStatus(request)
        told = await told_of(core, "T-1", "transaction_checked")

    assert ("transaction_over", "FLEET", "EUR", "2.00", "2.38") in told
    assert told[-1] == ("transaction_checked", "FLEET", "EUR", "3.50", "4.17")


async def test_F01_FR_04_the_group_of_a_token_that_the_station_does_not_repeat_is_known(core: RunningCore) -> None:
    """It is that of the remote start, also after a reading for which all events are folded anew."""
    await add_token(core, "AABBCCDD", "FLEET")
    remote: Any = core.stub(RemoteControlServiceStub)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(HeartbeatRequest())
        edge.on_command = lambda command: ocpp.RequestStartTransactionResponse(
            status=ocpp.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
        )
        token = IdToken(id_token="AABBCCDD", type="ISO14443")
        request = ocpp.RequestStartTransactionRequest(id_token=token, remote_start_id=7)
        target = CommandTarget(station_id="CS-1")
        await remote.RequestStartTransaction(RequestStartTransactionRequest(target=target, request=request))
        await station.call(started(0, 5000, info={"remote_start_id": 7}))
        await station.call(updated(1, 6000))
        await station.call(updated(2, 400))
        await station.call(ended(3, 7000))
        told = await told_of(core, "T-1", "transaction_ended")

    assert [(kind, group) for kind, group, *_ in told] == [
        ("transaction_started", "FLEET"),
        ("transaction_updated", "FLEET"),
        ("transaction_updated", "FLEET"),
        ("transaction_ended", "FLEET"),
    ]


async def test_without_a_tariff_and_a_group_events_say_neither(core: RunningCore) -> None:
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 1000))
        await station.call(ended(1, 2000))
        told = await told_of(core, "T-1", "transaction_ended")

    assert {one[1:] for one in told} == {("", "", "", "")}


async def test_what_is_closed_without_an_end_says_its_cost(core: RunningCore) -> None:
    api = Costs(core)
    await api.assign(PER_KWH)
    transactions: Any = core.stub(TransactionsServiceStub)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 1000))
        await station.call(updated(1, 11000))
        await transactions.CloseTransaction(CloseTransactionRequest(station_id="CS-1", transaction_id="T-1"))
        told = await told_of(core, "T-1", "transaction_settled")

    assert [one for one in told if one[0] in ("transaction_closed", "transaction_settled")] == [
        ("transaction_closed", "", "EUR", "3.50", "4.17"),
        ("transaction_settled", "", "EUR", "3.50", "4.17"),
    ]
