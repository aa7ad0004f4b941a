"""What a campaign costs: so much for each of its stations, however many there are."""

import asyncio
from collections import Counter
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2.firmware_management_pb2 import UpdateFirmwareRequest
from tests.support.core import running_core
from tests.support.event_words import name_in
from tests.support.firmware import SHA256, Garage, signed_firmware, tell
from tests.support.statements import statements
from tests.support.waiting import PAUSE, WAIT

FEW, MANY = 10, 100

READ = """
SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes WHERE relname = 'firmware_campaign_stations'
UNION ALL SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'firmware_campaign_stations'
"""
"""Entries of each index, and rows, that were read so far. What a session read is counted when it ends."""

OTHER = """
INSERT INTO firmware_campaign_stations (tenant_id, campaign_id, station_id, state, reason, attempts, update_time)
SELECT 'default', 'other', 'CS-' || n, 4, '', 1, now() FROM generate_series(1, 5000) AS n
"""
"""A campaign that was, in which PostgreSQL counts how many stations campaigns have."""


async def sessions_of_others(connection: AsyncConnection) -> set[int]:
    others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    found = set(await connection.scalars(text(others)))
    # Activity is as of the transaction's first look.
    await connection.rollback()
    return found


async def read_by_all(connection: AsyncConnection, standing: set[int]) -> Counter[str]:
    """Return how much was read so far, once only sessions remain that were there before."""
    async with asyncio.timeout(WAIT):
        while await sessions_of_others(connection) - standing:
            await asyncio.sleep(PAUSE)
    rows = await connection.exec_driver_sql(READ)
    read: dict[str, int] = dict(map(tuple, rows))
    await connection.rollback()
    return Counter(read)


async def run_campaign(url: str, directory: Path, number: int) -> int:
    """Have so many stations update their firmware; return how many statements that took."""
    directory.mkdir()
    name = f"of-{number}"
    async with running_core(url, directory) as core, core.edge() as edge:
        garage = Garage(core, edge)
        garage.answer()
        ids = [f"{name}-{one:03}" for one in range(number)]
        for station_id in ids:
            await garage.add(station_id)
        sessions = {one: await garage.connect(one) for one in ids}
        campaign = pb.FirmwareCampaign(
            campaign_id=name,
            firmware=signed_firmware(),
            sha256=SHA256,
            selection=pb.FirmwareSelection(station_ids=ids),
            max_parallel=5,
        )
        with statements(core.core.engine) as seen:
            await garage.campaigns.CreateFirmwareCampaign(pb.CreateFirmwareCampaignRequest(campaign=campaign))
            for _ in ids:
                command = await edge.next("command")
                request = unwrap(command.request)
                assert isinstance(request, UpdateFirmwareRequest)
                await tell(sessions[command.session.station_id], request.request_id, "INSTALLED")
            await garage.until(
                lambda event: (
                    event.firmware_campaign_changed.campaign_id == name
                    and name_in(event.firmware_campaign_changed, "state") == "COMPLETED"
                )
            )
        return len(seen)


async def test_ten_times_as_many_stations_take_ten_times_as_many_statements(sqlite_url: str, tmp_path: Path) -> None:
    few, many = [await run_campaign(sqlite_url, tmp_path / str(number), number) for number in (FEW, MANY)]

    assert many / MANY < 2 * few / FEW


async def test_of_ten_times_as_many_stations_ten_times_as_much_is_read(
    postgres_url: str, postgres_engine: AsyncEngine, tmp_path: Path
) -> None:
    async with postgres_engine.begin() as connection:
        await connection.execute(text(OTHER))
        await connection.execute(text("ANALYZE firmware_campaign_stations"))
    ran = []
    async with postgres_engine.connect() as connection:
        standing = await sessions_of_others(connection)
        reads = [await read_by_all(connection, standing)]
        for number in (FEW, MANY):
            ran.append(await run_campaign(postgres_url, tmp_path / str(number), number))
            reads.append(await read_by_all(connection, standing))

    few, many = reads[1] - reads[0], reads[2] - reads[1]
    assert ran[1] / MANY < 2 * ran[0] / FEW
    assert many.total() / MANY < 2 * few.total() / FEW, (few, many)
