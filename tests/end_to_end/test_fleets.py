"""The example fleets against real processes: what their report says is what the database holds."""

import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1.stations_pb2 import CreateStationRequest
from citrine.api.v1.stations_pb2 import Station as ApiStation
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest, Transaction
from citrine_sdk import Citrine
from citrine_simulator import read_journal
from citrine_simulator.fleets import FleetFile, read_fleet
from tests.support.deployment import Deployment
from tests.support.load import stored_events
from tests.support.quick_commands import quick_citrine

pytestmark = pytest.mark.timeout(300)

EXAMPLES = Path(__file__).parents[2] / "docs/examples/fleets"


async def _register(citrine: Citrine, fleet: FleetFile) -> list[str]:
    tokens = {token for group in fleet.stations for token in group.tokens}
    for token in sorted(tokens):
        await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=token, type="ISO14443")))
    station_ids = []
    for group in fleet.stations:
        for station_id in group.station_ids:
            password = str(group.password).replace("{id}", station_id)
            request = CreateStationRequest(station=ApiStation(station_id=station_id), password=password)
            await citrine.stations.CreateStation(request)
            station_ids.append(station_id)
    return station_ids


async def _simulate(deployment: Deployment, fleet: Path, directory: Path, seconds: int) -> tuple[int, dict[str, Any]]:
    report = directory / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(str(quick_citrine()), "simulate", "--fleet", str(fleet), "--url", deployment.url(), "--for", f"{seconds}s"),
        *("--report", str(report), "--journal", str(directory / "journal.jsonl"), "--drain", "60s"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    assert report.exists(), said.decode()
    return process.returncode, json.loads(report.read_text())


async def _transactions(citrine: Citrine) -> dict[tuple[str, str], Transaction]:
    found = await citrine.transactions.ListTransactions(ListTransactionsRequest(page_size=1000))
    return {(one.station_id, one.transaction_id): one for one in found.transactions}


def _stored_id(transaction_id: str, use_of_id: int) -> str:
    return transaction_id if use_of_id == 1 else f"{transaction_id}#{use_of_id}"


@pytest.mark.parametrize(("name", "seconds"), [("quiet", 6), ("charging", 10), ("ids_again", 12), ("bad_day", 10)])
async def test_what_is_reported_is_what_is_stored(shared: Deployment, tmp_path: Path, name: str, seconds: int) -> None:
    """Nothing lost, nothing doubled, and the energy right where the meter was right."""
    path = EXAMPLES / f"{name}.toml"
    fleet = read_fleet(path)
    async with shared.client() as citrine:
        station_ids = await _register(citrine, fleet)

    code, report = await _simulate(shared, path, tmp_path, seconds)

    async with shared.client() as citrine:
        events = await stored_events(citrine, station_ids)
        stored = await _transactions(citrine)
    totals = report["totals"]
    said = read_journal(tmp_path / "journal.jsonl")
    assert report["verdict"]["problems"] == {}, shared.problems()
    assert code == 0
    assert totals["accepted"] == totals["stations"] == len(station_ids)
    assert totals["undelivered"] == totals["given_up"] == totals["schema_violations"] == 0
    assert {key for key, times in events.items() if times > 1} == set()
    assert said.acknowledged.keys() <= events.keys() <= said.queued.keys()
    assert totals["acknowledged"] == len(said.acknowledged)

    reported = {
        (s["station_id"], _stored_id(str(t.get("transaction_number") or t["transaction_id"]), t["use_of_id"])): t
        for s in report["stations"]
        for t in s["transactions"]
    }
    again = [one for one in reported.values() if one["use_of_id"] > 1]
    assert bool(again) is (name == "ids_again")
    assert stored.keys() == reported.keys()
    assert totals["transactions"] == len(stored)
    assert (len(stored) > 0) is (name != "quiet")
    right = {key: one for key, one in reported.items() if one["meter_right"] and not one["unacknowledged"]}
    assert {key: stored[key].energy_wh for key in right} == pytest.approx(
        {key: one["energy_by_meter"] for key, one in right.items()}, abs=0.2
    )


def test_every_kind_of_fault_is_in_an_example() -> None:
    """Whoever adds a fault shows it at work."""
    from citrine_simulator.fleets.faults import fault_classes

    files = [tomllib.loads(path.read_text()) for path in EXAMPLES.glob("*.toml")]
    shown = {fault["kind"] for file in files for group in file["stations"] for fault in group.get("faults", ())}

    assert shown == {cls.model_fields["kind"].annotation.__args__[0] for cls in fault_classes()}  # type: ignore[union-attr]
