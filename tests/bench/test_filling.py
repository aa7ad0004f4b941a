"""Databases that are filled have what stations would have brought."""

from pathlib import Path

from google.protobuf.json_format import MessageToDict

from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine.api.v1.tokens_pb2 import ListTokensRequest
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionEventsRequest, ListTransactionsRequest
from tests.bench.filling import SAMPLES, Fill, charge_once, clear, fill, id_token, station_id, transaction_id
from tests.support.deployment import deploy


async def test_copies_are_like_what_they_are_copies_of(database_url: str, tmp_path: Path) -> None:
    async with deploy(database_url, tmp_path / "citrine", migrated=True) as running:
        await charge_once(running)
        await fill(database_url, Fill(range(1, 4), range(2, 4), 3), print)
        station, transaction = station_id(3), transaction_id(3, 2)
        await clear(database_url)
        async with running.client() as citrine:
            stations = await citrine.stations.ListStations(ListStationsRequest())
            tokens = await citrine.tokens.ListTokens(ListTokensRequest())
            listed = await citrine.transactions.ListTransactions(ListTransactionsRequest(id_token=id_token(3)))
            original, copy = [
                MessageToDict(await citrine.transactions.GetTransaction(GetTransactionRequest(**names)))
                for names in (
                    {"station_id": "SEED", "transaction_id": "SEED"},
                    {"station_id": station, "transaction_id": transaction},
                )
            ]
            events = await citrine.transactions.ListTransactionEvents(
                ListTransactionEventsRequest(station_id=station, transaction_id=transaction)
            )
            samples = await citrine.meter_values.ListSamples(
                ListSamplesRequest(station_id=station, transaction_id=transaction)
            )

    assert [one.station_id for one in stations.stations] == ["SEED", "SIM-1", "SIM-2", "SIM-3"]
    assert len(tokens.tokens) == 4
    assert [one.transaction_id for one in listed.transactions] == [transaction_id(3, number) for number in range(3)]
    assert {name for name in original if original[name] == copy[name]} >= {"energyWh", "evseId", "stoppedReason"}
    assert original.keys() == copy.keys()
    assert (len(events.events), len(samples.samples)) == (4, SAMPLES)
