"""The programs of docs/building-on-citrine.md beside stations that charge, killed again and again, as their core is."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1.charge_records_pb2 import ChargeRecord, ListChargeRecordsRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tariffs_pb2 import (
    TARIFF_DIMENSION_ENERGY,
    AssignTariffRequest,
    CreateTariffRequest,
    PriceComponent,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, DeleteTokenRequest, ListTokensRequest, Token
from citrine.api.v1.transactions_pb2 import CreditTransactionCostRequest, ListTransactionsRequest
from citrine_sdk import Citrine
from tests.support.deployment import Deployment, Process
from tests.support.waiting import WAIT

pytestmark = pytest.mark.timeout(240)

PAGE = Path(__file__).parents[2] / "docs" / "building-on-citrine.md"

PROGRAMS = re.findall(r"^```python\n(.+?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

PASSWORD = "correct-horse-battery"
STATIONS = ("SIM-1", "SIM-2", "SIM-3")
TOKEN = "C0FFEE01"

# Where the program of bills may crash: within its transaction, behind its commit, and before what was sent is marked.
CRASHES = (
    '        database.execute("UPDATE position SET change',
    "            send(database)",
    "        with database:\n            key = (record_id",
)


class Kitchen:
    """Where the programs run, with what they printed."""

    def __init__(self, deployment: Deployment, directory: Path) -> None:
        self._directory = directory
        self.printed = directory / "printed.txt"
        self.printed.touch()
        self._variables = {
            **os.environ,
            "CITRINE_CORE": deployment.core_addresses[0],
            "CITRINE_KEY_FILE": str(deployment.directory / "operator.key"),
            "CITRINE_TENANT": "default",
        }

    @contextmanager
    def running(self, *programs: str) -> Iterator[list["subprocess.Popen[bytes]"]]:
        """Run programs, and kill them at the end."""
        processes = []
        with ExitStack() as stack, self.printed.open("a") as output:
            for program in programs:
                started = subprocess.Popen(
                    [sys.executable, "-c", program],
                    cwd=self._directory,
                    env=self._variables,
                    stdout=output,
                    stderr=output,
                )
                stack.callback(started.wait)
                stack.callback(started.kill)
                processes.append(started)
            yield processes

    async def crash(self, program: str, place: str) -> None:
        """Run a program that ends as by a crash when it comes to a place, and wait until it has."""
        indent = place[: len(place) - len(place.lstrip())]
        assert program.count(place) == 1
        crashing = program.replace(place, f"{indent}os._exit(9)\n{place}")
        with self.running(crashing) as (started,):
            assert await asyncio.to_thread(started.wait, WAIT) == 9

    def lines(self) -> list[str]:
        return self.printed.read_text().splitlines()

    def bills(self) -> list[str]:
        """Return the lines about what was sent."""
        return [line for line in self.lines() if "/" in line]

    def has_bills(self, count: int) -> bool:
        return len(self.bills()) >= count

    def has_viewed(self) -> bool:
        return any(line.endswith("transaction_ended") for line in self.lines())

    def has_sent(self, change: int) -> bool:
        unsent = "SELECT change, (SELECT count(*) FROM postings WHERE NOT is_sent) FROM position"
        return self.rows("billing.db", unsent) == [(change, 0)]

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._directory / database)) as opened:
            return opened.execute(query).fetchall()


async def until(done: Callable[[], bool], problem: Callable[[], object]) -> None:
    end = asyncio.get_running_loop().time() + WAIT
    while not done():
        assert asyncio.get_running_loop().time() < end, problem()
        await asyncio.sleep(0.05)


async def prepare(citrine: Citrine) -> None:
    for station_id in STATIONS:
        station = Station(station_id=station_id)
        await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
    await add_token(citrine, TOKEN)
    component = PriceComponent(dimension=TARIFF_DIMENSION_ENERGY, price="0.30")
    tariff = Tariff(tariff_id="KWH", currency="EUR", elements=[TariffElement(price_components=[component])])
    await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff))
    await citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=TariffAssignment(tariff_id="KWH")))


async def add_token(citrine: Citrine, id_token: str) -> None:
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=id_token, type="ISO14443")))


async def records(citrine: Citrine) -> list[ChargeRecord]:
    pages = citrine.pages(citrine.charge_records.ListChargeRecords, ListChargeRecordsRequest(after_change=0))
    return [record async for page in pages for record in page.records]


async def all_records(citrine: Citrine) -> list[ChargeRecord]:
    """Return all records, once each transaction that ended has one, and each credit is a revision."""
    async with asyncio.timeout(WAIT):
        while True:
            found = await citrine.transactions.ListTransactions(ListTransactionsRequest(page_size=1000))
            ended = sum(one.HasField("end_time") for one in found.transactions)
            if len(made := await records(citrine)) == ended + len(CRASHES):
                return made
            await asyncio.sleep(0.1)


async def credit_the_latest(citrine: Citrine) -> None:
    latest = (await records(citrine))[-1]
    await citrine.transactions.CreditTransactionCost(
        CreditTransactionCostRequest(
            station_id=latest.station_id, transaction_id=latest.transaction_id, amount="0.01", reason="slow"
        )
    )


async def test_what_is_killed_again_and_again_bills_each_revision_once_and_has_each_token(
    deployment: Deployment, tmp_path: Path
) -> None:
    billing, mirror, view = PROGRAMS
    kitchen = Kitchen(deployment, tmp_path)
    charging = ["simulate", "--url", deployment.url(), "--password", PASSWORD, "--id-token", TOKEN, "--speed", "3600"]
    stations = [word for station in STATIONS for word in ("--station", station)]
    words = [*charging, *stations, "--charging-for", "20m", "--pause", "2s"]
    simulator = Process("simulator", words, {}, tmp_path)
    async with deployment.client() as citrine:
        await prepare(citrine)
        simulator.start()
        try:
            for number, place in enumerate(CRASHES):
                before = len(kitchen.bills())
                with kitchen.running(billing, mirror, *([view] if not number else [])):
                    await until(partial(kitchen.has_bills, before + 3), kitchen.printed.read_text)
                    await until(kitchen.has_viewed, kitchen.printed.read_text)
                    await add_token(citrine, f"0000000{number}")
                await citrine.tokens.DeleteToken(DeleteTokenRequest(id_token=f"0000000{number}", type="ISO14443"))
                await add_token(citrine, f"1111111{number}")
                await credit_the_latest(citrine)
                await kitchen.crash(billing, place)
                if number == 1:
                    deployment.cores[0].kill()
                    deployment.cores[0].start()
                    await deployment.cores[0].ready()
        finally:
            simulator.stop()
        with kitchen.running(billing, mirror):
            made = await all_records(citrine)
            await until(partial(kitchen.has_sent, made[-1].change), kitchen.printed.read_text)
            page = await citrine.tokens.ListTokens(ListTokensRequest())
            listed = [(one.id_token, one.SerializeToString()) for one in page.tokens]
            mirrored = "SELECT id_token, content FROM tokens WHERE content IS NOT NULL ORDER BY id_token"
            await until(lambda: kitchen.rows("mirror.db", mirrored) == listed, lambda: listed)
    assert "Traceback" not in kitchen.printed.read_text()
    assert [record.change for record in made] == list(range(1, len(made) + 1))
    assert max(record.revision for record in made) > 1
    latest = {record.record_id: Decimal(record.total.after_tax) for record in made}
    posted = kitchen.rows("billing.db", "SELECT record_id, revision, amount, is_sent FROM postings")
    assert {(one[0], one[1]) for one in posted} == {(record.record_id, record.revision) for record in made}
    assert {record_id: sum(Decimal(one[2]) for one in posted if one[0] == record_id) for record_id in latest} == latest
    sent = {line.split()[0] for line in kitchen.bills()}
    assert {f"{one[0]}/{one[1]}" for one in posted} == sent
    assert {one[3] for one in posted} == {1}
