"""Ids of transactions that stations use again, on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_COMPLETE, SETTLEMENT_OVER
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine_core.blocks.transactions.lives import LONGEST_ID, id_of_life
from citrine_core.db import UnitOfWorkFactory
from tests.core.blocks.transactions.test_handlers import Bench
from tests.support.charging import ended, started, updated

FIRST = (
    started(0, 1000.0, id_token="ANNA", evse=(1, 1)),
    updated(1, 2000.0),
    ended(2, 3000.0),
)


@pytest.fixture
def bench(unit_of_work: UnitOfWorkFactory) -> Bench:
    return Bench(unit_of_work)


async def energies(bench: Bench) -> dict[str, Any]:
    return {row.transaction_id: row.energy_wh for row in await bench.rows("transactions")}


LONGER = (
    started(0, 3000.0, id_token="BERTA", evse=(1, 1), minutes=60),
    updated(1, 4000.0, minutes=61),
    updated(2, 5000.0, minutes=62),
    ended(3, 6000.0, minutes=63),
)
EQUAL = (
    started(0, 3000.0, id_token="BERTA", minutes=60),
    updated(1, 4000.0, minutes=61),
    ended(2, 5000.0, minutes=62),
)
SHORTER = (started(0, 3000.0, minutes=60), ended(1, 3500.0, minutes=61))


@pytest.mark.in_turn
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize(
    ("second", "energy"),
    [
        pytest.param(LONGER, 3000.0, id="longer"),
        pytest.param(EQUAL, 2000.0, id="equal"),
        pytest.param(SHORTER, 500.0, id="shorter"),
    ],
)
async def test_an_id_that_is_used_again_is_another_transaction(
    bench: Bench, together: bool, second: tuple[TransactionEventRequest, ...], energy: float
) -> None:
    batches = [[*FIRST, *second]] if together else [[one] for one in (*FIRST, *second)]
    for batch in batches:
        await bench.send(*batch)

    assert await energies(bench) == {"T-1": 2000.0, "T-1#2": energy}
    first, again = await bench.transaction(), await bench.transaction("T-1#2")
    assert (first.lives, first.reported_id, first.late_events) == (2, None, None)
    assert (again.lives, again.reported_id) == (None, "T-1")
    assert (first.settlement, again.settlement) == (SETTLEMENT_COMPLETE, SETTLEMENT_COMPLETE)
    assert first.id_token == "ANNA"
    assert again.id_token != "ANNA"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "again",
    [
        pytest.param(started(0, 1000.0, id_token="BERTA"), id="other token"),
        pytest.param(started(0, 3000.0, id_token="ANNA"), id="other register, and a clock that always begins anew"),
        pytest.param(started(0, 1000.0, id_token="ANNA", minutes=60), id="later"),
        pytest.param(started(0, 1000.0, id_token="ANNA", minutes=-9999), id="after the clock was lost"),
    ],
)
async def test_a_beginning_after_the_end_begins_another_transaction(
    bench: Bench, again: TransactionEventRequest
) -> None:
    await bench.send(*FIRST)

    await bench.send(again)

    assert set(await energies(bench)) == {"T-1", "T-1#2"}


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "repeated",
    [
        pytest.param(started(0, 1000.0, id_token="ANNA", evse=(1, 1)), id="again"),
        pytest.param(started(0, 1000.0, id_token="ANNA", evse=(1, 1), offline=True), id="again, as queued"),
        pytest.param(started(0, id_token="ANNA", evse=(1, 1)), id="without its register"),
        pytest.param(started(0, 1000.0, id_token="ANNA", minutes=0.5, offline=True), id="late, of a queue"),
    ],
)
async def test_a_beginning_that_comes_again_begins_nothing(bench: Bench, repeated: TransactionEventRequest) -> None:
    await bench.send(*FIRST)

    await bench.send(repeated)

    assert await energies(bench) == {"T-1": 2000.0}


async def test_repetitions_are_of_the_transaction_that_they_were_of(bench: Bench) -> None:
    await bench.send(*FIRST, *LONGER)

    await bench.send(*reversed(FIRST), *LONGER, *FIRST)
    for one in (*FIRST, *LONGER):
        await bench.send(one)

    assert await energies(bench) == {"T-1": 2000.0, "T-1#2": 3000.0}
    assert len(await bench.rows("transaction_events")) == 7
    assert [(await bench.transaction(name)).late_events for name in ("T-1", "T-1#2")] == [None, None]


async def test_an_id_may_be_used_many_times(bench: Bench) -> None:
    for number in range(4):
        await bench.send(started(0, 0.0, minutes=100 * number), ended(1, 10.0 + number, minutes=100 * number + 5))

    assert await energies(bench) == {"T-1": 10.0, "T-1#2": 11.0, "T-1#3": 12.0, "T-1#4": 13.0}
    assert (await bench.transaction()).lives == 4


async def test_what_was_queued_of_the_first_is_of_the_first(bench: Bench) -> None:
    await bench.send(FIRST[0], FIRST[2], LONGER[0], LONGER[1])

    await bench.send(updated(1, 2000.0, offline=True))

    first, again = await bench.transaction(), await bench.transaction("T-1#2")
    assert (first.events, first.seq_nos, again.events) == (3, 3, 2)


@pytest.mark.in_turn
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize("offline", [None, True], ids=["online", "offline"])
@pytest.mark.parametrize("seq_no", [0, 3], ids=["counting anew", "counting on"])
async def test_the_next_may_begin_when_the_last_ends(
    bench: Bench, seq_no: int, offline: bool | None, together: bool
) -> None:
    """Whose clock counts whole seconds, and who was offline after a loss of power, is told apart all the same."""
    again = (
        started(seq_no, 3000.0, id_token="ANNA", minutes=2, offline=offline),
        updated(seq_no + 1, 3200.0, minutes=2, offline=offline),
        ended(seq_no + 2, 3500.0, minutes=4, offline=offline),
    )
    first = (
        started(0, 1000.0, id_token="ANNA", evse=(1, 1)),
        updated(1, 2000.0, minutes=1),
        ended(2, 3000.0, minutes=2, offline=offline),
    )

    for batch in [[*first, *again]] if together else [[one] for one in (*first, *again)]:
        await bench.send(*batch)

    assert await energies(bench) == {"T-1": 2000.0, "T-1#2": 500.0}
    assert [(await bench.transaction(name)).events for name in ("T-1", "T-1#2")] == [3, 3]
    assert [(await bench.transaction(name)).late_events for name in ("T-1", "T-1#2")] == [None, None]


@pytest.mark.in_turn
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
async def test_a_late_end_of_the_first_does_not_end_the_next(bench: Bench, together: bool) -> None:
    events = [
        started(0, 1000.0, id_token="ANNA", evse=(1, 1)),
        started(0, 2000.0, id_token="ANNA", minutes=60),
        ended(1, 2000.0, minutes=10, offline=True),
        ended(1, 2700.0, minutes=62),
    ]

    for batch in [events] if together else [[one] for one in events]:
        await bench.send(*batch)

    assert await energies(bench) == {"T-1": 1000.0, "T-1#2": 700.0}
    assert [(await bench.transaction(name)).events for name in ("T-1", "T-1#2")] == [2, 2]


async def test_what_comes_late_of_the_next_is_not_of_a_first_without_an_end(bench: Bench) -> None:
    await bench.send(started(0, 1000.0, id_token="ANNA", evse=(1, 1)))
    await bench.send(started(0, 2000.0, minutes=60))
    await bench.send(ended(2, 2700.0, minutes=62))

    await bench.send(updated(1, 2500.0, minutes=61, offline=True))
    await bench.send(started(3, 3000.0, minutes=70), ended(4, 3100.0, minutes=71))

    assert {row.transaction_id: (row.events, row.seq_nos) for row in await bench.rows("transactions")} == {
        "T-1": (1, 1),
        "T-1#2": (3, 3),
        "T-1#3": (2, 2),
    }
    assert await energies(bench) == {"T-1": 0.0, "T-1#2": 700.0, "T-1#3": 100.0}


async def test_the_next_use_of_an_id_proves_that_the_last_is_over(bench: Bench) -> None:
    await bench.send(started(0, 1000.0, id_token="ANNA"), updated(1, 2000.0))

    await bench.send(started(0, 2000.0, minutes=60), updated(1, 2500.0, minutes=61))

    first = await bench.transaction()
    assert (first.over_time, first.end_time) == (bench.now, None)
    assert await energies(bench) == {"T-1": 1000.0, "T-1#2": 500.0}
    [over] = [event.transaction_over for event in await bench.events() if event.HasField("transaction_over")]
    assert (over.transaction_id, over.next_transaction_id) == ("T-1", "T-1#2")
    assert (over.transaction.id_token.id_token, over.transaction.energy_wh) == ("ANNA", 1000.0)


async def test_a_late_beginning_belongs_to_its_transaction(bench: Bench) -> None:
    await bench.send(updated(1, 2000.0), ended(2, 3000.0))

    await bench.send(started(0, 1000.0))

    assert await energies(bench) == {"T-1": 2000.0}


def test_ids_of_ours_are_no_longer_than_others() -> None:
    uuids = ["12345678-1234-1234-1234-12345678901" + last for last in "23"]

    assert id_of_life("T-1", 2) == "T-1#2"
    assert len({id_of_life(uuid, 2) for uuid in uuids}) == 2
    assert all(len(id_of_life(uuid, number)) <= LONGEST_ID for uuid in uuids for number in (2, 123))


async def test_another_beginning_at_the_evse_proves_that_a_transaction_is_over(bench: Bench) -> None:
    await bench.send(started(0, 0.0, evse=(1, 1), transaction_id="A"))
    await bench.send(started(0, 0.0, evse=(2, 1), transaction_id="B"))
    bench.now += timedelta(minutes=9)

    await bench.send(started(0, 0.0, evse=(1, 1), transaction_id="C", minutes=9))

    rows = {row.transaction_id: row for row in await bench.rows("transactions")}
    assert [name for name, row in rows.items() if row.over_time is not None] == ["A"]
    assert rows["A"].settle_due_time == bench.now + timedelta(minutes=10)
    await bench.send(updated(1, 10.0, transaction_id="A", minutes=10))
    again = await bench.transaction("A")
    assert (again.over_time, again.settle_due_time) == (None, None)


async def test_a_queue_that_brings_the_past_proves_nothing(bench: Bench) -> None:
    await bench.send(started(0, 0.0, evse=(1, 1), transaction_id="NOW", minutes=60))
    bench.now += timedelta(minutes=1)

    await bench.send(started(0, 0.0, evse=(1, 1), transaction_id="BEFORE", minutes=1, offline=True))

    assert (await bench.transaction("NOW")).over_time is None


@pytest.mark.in_turn
@pytest.mark.parametrize("evse_id", [0, -1])
async def test_an_evse_that_is_none_changes_nothing_of_what_is_known(bench: Bench, evse_id: int) -> None:
    await bench.send(started(0, 1000.0, evse=(2, 1)))

    await bench.send(updated(1, 1500.0, evse=(evse_id, 0)), ended(2, 2000.0, evse=(evse_id, 3)))

    row = await bench.transaction()
    assert (row.evse_id, row.connector_id, row.energy_wh) == (2, 1, 1000.0)
    assert row.settlement != SETTLEMENT_OVER
