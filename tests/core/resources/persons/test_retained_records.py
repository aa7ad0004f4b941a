"""Where the law wants bills to be kept as they are, an erased person is in charge records and nowhere else."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from citrine.api.v1 import charge_records_pb2, transactions_pb2
from citrine.api.v1 import persons_pb2 as pb
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.persons_pb2_grpc import PersonsServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine_core.db.tables import metadata
from tests.core.resources.persons.test_erasing import PERSON, standing
from tests.support.core import RunningCore, running_core
from tests.support.persons import CARD, SPELLED, finish

RECORDS = metadata().tables["charge_records"]


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    async with running_core(database_url, tmp_path, erasure_retains_charge_records=True) as running:
        yield running


async def stored_records(core: RunningCore) -> Sequence[Any]:
    """Return the rows of all charge records, byte for byte."""
    async with core.core.unit_of_work(read_only=True) as work:
        return (await work.session.execute(select(RECORDS).order_by(RECORDS.c.change))).all()


async def test_charge_records_of_an_erased_person_stay_byte_for_byte_and_all_else_has_a_pseudonym(
    core: RunningCore, station: Any
) -> None:
    charger, _ = station
    persons: Any = core.stub(PersonsServiceStub)
    records: Any = core.stub(ChargeRecordsServiceStub)
    transactions: Any = core.stub(TransactionsServiceStub)
    before = await stored_records(core)

    begun = await persons.ErasePerson(pb.ErasePersonRequest(id_token=PERSON))
    erasure = await finish(core, begun.erasure_id)

    assert len(before) == 2
    assert await stored_records(core) == before
    assert await standing(core) == {"charge_records.content", "charge_records.id_token_lookup"}
    assert charger.tokens == set()
    wanted = transactions_pb2.GetTransactionRequest(station_id="CS-1", transaction_id="T-1")
    transaction = await transactions.GetTransaction(wanted)
    assert transaction.id_token.id_token.replace(":", "") == erasure.pseudonyms[0]
    # What the law wants to be kept is found by the id, as a bill is asked for, and is what is still exported.
    asked = charge_records_pb2.ListChargeRecordsRequest(id_token=CARD)
    [record] = (await records.ListChargeRecords(asked)).records
    assert (record.transaction_id, record.token.id_token.id_token, record.energy_kwh) == ("T-1", SPELLED, "1.5")
    exported = persons.ExportPerson(pb.ExportPersonRequest(id_token=PERSON))
    assert [row.kind async for row in exported] == ["charge_records"]
