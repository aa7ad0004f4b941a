"""What the core does with TransactionEvent, on both databases."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row, select

from citrine.api.v1.tokens_pb2 import TokenStatus
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest, TransactionEventResponse
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRepository
from citrine_core.blocks.transactions.handlers import TransactionsHandlers
from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.tables import metadata
from citrine_core.dispatch import Call
from citrine_core.events import OutboxEvent
from citrine_core.resources.tokens import Token
from citrine_core.services import Services
from tests.support.charging import at, ended, meter_value, sampled, started, updated
from tests.support.examples import examples

NOW = datetime(2025, 3, 1, 13, 0, tzinfo=UTC)


class Bench:
    """Handlers on a database, and what is in it."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self.unit_of_work = unit_of_work
        self.now = NOW
        # Nothing here sends to stations.
        commands: Any = None
        services = Services(CoreSettings(), unit_of_work, lambda: self.now, commands)
        self.handlers = TransactionsHandlers(services)

    async def send(
        self, *requests: TransactionEventRequest, station_id: str = "CS-1", tenant_id: str = "default"
    ) -> Sequence[TransactionEventResponse]:
        """Have a station send messages in one batch."""
        # Each arrives at once, by a clock of the station that is right.
        times = [request.timestamp.ToDatetime(UTC) for request in requests]
        calls = [
            Call(tenant_id, station_id, 1, "m", request, time) for request, time in zip(requests, times, strict=True)
        ]
        async with self.unit_of_work() as work:
            responses = await self.handlers.transaction_events(work, calls)
            await work.commit()
        return responses

    async def rows(self, table: str) -> Sequence[Row[Any]]:
        """Return all rows of a table."""
        async with self.unit_of_work(read_only=True) as work:
            return (await work.session.execute(select(metadata().tables[table]))).all()

    async def transaction(self, transaction_id: str = "T-1") -> Row[Any]:
        """Return the one transaction of an id."""
        (row,) = [row for row in await self.rows("transactions") if row.transaction_id == transaction_id]
        return row

    async def events(self) -> list[Event]:
        """Return the events that subscribers get."""
        async with self.unit_of_work(read_only=True) as work:
            payloads = await work.session.scalars(select(OutboxEvent.payload).order_by(OutboxEvent.id))
            return [Event.FromString(payload) for payload in payloads]

    async def add_token(self, id_token: str, **columns: Any) -> None:
        """Register a token."""
        async with self.unit_of_work() as work:
            work.session.add(
                Token(
                    tenant_id="default",
                    lookup=id_token.lower(),
                    type="ISO14443",
                    id_token=id_token,
                    create_time=NOW,
                    **columns,
                )
            )
            await work.commit()


@pytest.fixture
def bench(unit_of_work: UnitOfWorkFactory) -> Bench:
    return Bench(unit_of_work)


async def test_a_transaction_is_stored_from_its_first_to_its_last_event(bench: Bench) -> None:
    await bench.send(started(0, 1000.0, evse=(1, 2)))
    await bench.send(updated(1, 1400.0, sampled(7.2, "POWER_ACTIVE_IMPORT", unit="kW"), sampled(55.0, "SOC")))
    await bench.send(ended(2, 1500.0))

    row = await bench.transaction()
    assert (row.evse_id, row.connector_id, row.energy_wh, row.power_w) == (1, 2, 500.0, 7200.0)
    assert (row.soc_percent, row.events, row.last_seq_no) == (55.0, 3, 2)
    assert row.end_time == at(2).ToDatetime(UTC)
    assert len(await bench.rows("samples")) == 5
    events = await bench.events()
    assert [event.WhichOneof("body") for event in events] == [
        "transaction_started",
        "transaction_updated",
        "transaction_ended",
    ]
    assert events[1].transaction_updated.transaction.power_w == 7200.0
    assert not events[2].transaction_ended.transaction.HasField("power_w"), "it imports nothing now"


async def test_events_carry_the_state_after_them(bench: Bench) -> None:
    await bench.send(started(0, 1000.0), updated(1, 1400.0), ended(2, 1500.0))

    summaries = [getattr(event, str(event.WhichOneof("body"))).transaction for event in await bench.events()]
    assert [(summary.seq_no, summary.energy_wh) for summary in summaries] == [(0, 0.0), (1, 400.0), (2, 500.0)]
    assert [summary.HasField("end_time") for summary in summaries] == [False, False, True]


async def test_a_message_of_an_unknown_transaction_is_stored(bench: Bench) -> None:
    await bench.send(ended(7, 1500.0))

    row = await bench.transaction()
    assert (row.start_time, row.events, row.first_seq_no) == (None, 1, 7)
    # Its beginning is missing, which is a doubt to be told.
    kinds = ["transaction_started", "transaction_ended", "transaction_anomaly_found"]
    assert [event.WhichOneof("body") for event in await bench.events()] == kinds


@pytest.mark.parametrize("apart", [True, False], ids=["in another batch", "in the same batch"])
async def test_a_repeated_message_has_the_same_answer_and_no_second_effect(bench: Bench, apart: bool) -> None:
    await bench.add_token("TOKEN")
    request = updated(1, 1400.0, id_token="TOKEN", trigger="AUTHORIZED")
    repeated = updated(1, 1400.0, id_token="TOKEN", trigger="AUTHORIZED", offline=True)
    batches = [[request], [repeated]] if apart else [[request, repeated]]

    answers = [answer for batch in batches for answer in await bench.send(*batch)]

    assert answers[0] == answers[1]
    assert answers[0].id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
    assert (await bench.transaction()).events == 1
    assert len(await bench.rows("samples")) == 1
    assert len(await bench.events()) == 1


async def test_a_repeat_is_answered_as_it_was_even_if_the_token_was_blocked_since(bench: Bench) -> None:
    request = updated(1, id_token="TOKEN", trigger="AUTHORIZED")
    first = await bench.send(request)
    await bench.add_token("TOKEN")

    assert await bench.send(request) == first


async def test_several_messages_of_one_seq_no_are_all_kept(bench: Bench) -> None:
    """Some stations number every message 0: nothing they said may be lost."""
    await bench.send(started(0, 1000.0))
    await bench.send(updated(0, 1400.0, minutes=5))
    await bench.send(updated(0, 1450.0, minutes=5), ended(0, 1500.0, minutes=9))

    row = await bench.transaction()
    assert (row.events, row.seq_nos, row.energy_wh) == (4, 1, 500.0)


async def test_a_late_event_fills_the_gap_and_reopens_nothing(bench: Bench) -> None:
    await bench.send(started(0, 1000.0))
    await bench.send(ended(2, 1500.0))
    assert (await bench.transaction()).seq_nos == 2

    await bench.send(updated(1, 1400.0, offline=True))

    row = await bench.transaction()
    assert (row.seq_nos, row.events, row.energy_wh, row.offline) == (3, 3, 500.0, True)
    assert row.end_time is not None
    assert (await bench.events())[-1].WhichOneof("body") == "transaction_updated"


async def test_a_late_start_gives_the_beginning(bench: Bench) -> None:
    await bench.send(updated(1, 1400.0))

    await bench.send(started(0, 1000.0))

    row = await bench.transaction()
    assert (row.meter_start_wh, row.energy_wh) == (1000.0, 400.0)
    assert row.start_time == at(0).ToDatetime(UTC)


async def test_transactions_of_stations_and_tenants_are_apart(bench: Bench) -> None:
    await bench.send(started(0, 1.0))
    await bench.send(started(0, 2.0), station_id="CS-2")
    await bench.send(started(0, 3.0), tenant_id="other")
    await bench.send(updated(1, 9.0))

    rows = await bench.rows("transactions")
    assert sorted((row.tenant_id, row.station_id, row.energy_wh) for row in rows) == [
        ("default", "CS-1", 8.0),
        ("default", "CS-2", 0.0),
        ("other", "CS-1", 0.0),
    ]


async def test_a_batch_of_many_transactions_keeps_them_apart(bench: Bench) -> None:
    await bench.send(*(started(0, float(n), transaction_id=f"T-{n}") for n in range(60)))

    await bench.send(*(updated(1, 2.0 * n, transaction_id=f"T-{n}") for n in range(60)))

    rows = await bench.rows("transactions")
    assert {row.transaction_id: row.energy_wh for row in rows} == {f"T-{n}": float(n) for n in range(60)}
    assert len({row.sequence for row in rows}) == 60


async def test_tokens_of_transactions_are_checked(bench: Bench) -> None:
    """E01.FR.11, C09.FR.12: whatever the station let charge."""
    await bench.add_token("BLOCKED", status=TokenStatus.TOKEN_STATUS_BLOCKED, group_id="G")

    responses = await bench.send(
        started(0, id_token="blocked"),
        updated(1, id_token="0A0B0C0D"),
        updated(2),
        updated(3, id_token=""),
    )

    statuses = [response.id_token_info.status for response in responses]
    assert statuses[:2] == [
        AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_BLOCKED,
        AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN,
    ]
    assert responses[0].id_token_info.group_id_token == IdToken(id_token="G", type="Central")
    assert not responses[2].HasField("id_token_info")
    assert (await bench.transaction()).events == 4


async def test_C16_FR_03_a_master_pass_stops_and_does_not_start(bench: Bench) -> None:
    await bench.add_token("MASTER", group_id="MASTERS", master_pass=True)

    starts, stops = await bench.send(
        started(0, id_token="MASTER", trigger="AUTHORIZED"), ended(1, id_token="MASTER", trigger="STOP_AUTHORIZED")
    )

    assert starts.id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID
    assert stops.id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED


async def test_C02_FR_02_a_start_button_is_accepted(bench: Bench) -> None:
    request = started(0)
    request.id_token.CopyFrom(IdToken(id_token="", type="NoAuthorization"))

    (response,) = await bench.send(request)

    assert response.id_token_info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED


async def test_I03_FR_02_the_total_cost_is_in_the_answer_to_the_end(bench: Bench) -> None:
    await bench.send(started(0))
    async with bench.unit_of_work() as work:
        await CostRepository(work.session).store_shown_total("default", "CS-1", "T-1", 3.25, NOW)
        await work.commit()

    update, end = await bench.send(updated(1), ended(2))

    assert not update.HasField("total_cost")
    assert end.total_cost == 3.25
    assert (await bench.transaction()).total_cost == 3.25


async def test_open_transactions_are_orphaned_by_a_boot_until_they_are_heard_of(bench: Bench) -> None:
    await bench.send(started(0, transaction_id="OPEN"), started(0, transaction_id="RESUMED"))
    await bench.send(ended(0, transaction_id="OVER"))
    async with bench.unit_of_work() as work:
        await TransactionRepository(work.session).mark_open_as_orphaned("default", {"CS-1"}, NOW + timedelta(seconds=1))
        await work.commit()
    assert {row.transaction_id: row.orphaned for row in await bench.rows("transactions")} == {
        "OPEN": True,
        "RESUMED": True,
        "OVER": False,
    }
    bench.now += timedelta(seconds=2)

    await bench.send(updated(1, transaction_id="RESUMED"))

    assert (await bench.transaction("OPEN")).orphaned
    assert not (await bench.transaction("RESUMED")).orphaned


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_order_and_repetition_ends_in_the_same_row(bench: Bench, data: st.DataObject) -> None:
    """Each example is another transaction of the same database."""
    transaction_id = data.draw(st.uuids()).hex
    requests = [
        started(0, 1000.0, transaction_id=transaction_id),
        updated(1, 1400.0, transaction_id=transaction_id, evse=(1, 1)),
        updated(2, transaction_id=transaction_id, meter_values=[meter_value(2, 50.0, sampled(40.0, "SOC"))]),
        updated(2, 60.0, transaction_id=transaction_id, minutes=2.5),
        ended(4, 300.0, transaction_id=transaction_id),
    ]
    order = data.draw(st.permutations(requests + data.draw(st.lists(st.sampled_from(requests), max_size=4))))
    cuts = data.draw(st.lists(st.integers(0, len(order)), max_size=3).map(sorted))

    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        if order[start:end]:
            await bench.send(*order[start:end])

    row = await bench.transaction(transaction_id)
    assert (row.energy_wh, row.events, row.seq_nos, row.soc_percent) == (700.0, 5, 4, 40.0)
    assert (row.first_seq_no, row.last_seq_no, row.evse_id) == (0, 4, 1)
    assert (row.first_sample_time, row.last_sample_time) == (at(0).ToDatetime(UTC), at(4).ToDatetime(UTC))
    samples = [sample for sample in await bench.rows("samples") if sample.transaction_id == transaction_id]
    assert len(samples) == 6


async def test_two_cores_do_not_lose_each_others_events(bench: Bench) -> None:
    """While a station moves from one core to another, both may be at work on one transaction."""
    await bench.send(started(0, 1000.0))

    await asyncio.gather(*(bench.send(updated(number, 1000.0 + number)) for number in range(1, 6)))

    row = await bench.transaction()
    assert (row.events, row.seq_nos, row.energy_wh) == (6, 6, 5.0)


async def test_an_offline_start_of_the_year_1_is_stored(bench: Bench) -> None:
    """By a clock that was never set; no remote start is looked for before the first day that there is."""
    request = started(trigger="REMOTE_START", offline=True)
    request.timestamp.FromJsonString("0001-01-01T00:00:00Z")

    async with bench.unit_of_work() as work:
        await bench.handlers.transaction_events(work, [Call("default", "CS-1", 1, "m", request, NOW)])
        await work.commit()

    assert (await bench.transaction()).transaction_id == "T-1"
