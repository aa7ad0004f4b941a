"""The operator's key in its file."""

import asyncio
import logging
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import Unauthenticated
from citrine_core.resources.keys import ApiKey, KeyAuthenticator, KeyRepository, OperatorKeyFile
from citrine_core.resources.keys.operator import LIFETIME


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = utc_now()

    def __call__(self) -> datetime:
        return self.time


async def is_operator(text: str, unit_of_work: UnitOfWorkFactory) -> bool:
    try:
        identity = await KeyAuthenticator(unit_of_work).authenticate({"authorization": f"Bearer {text}"})
    except Unauthenticated:
        return False
    return identity is not None and identity.tenant_id is None


async def valid_keys(unit_of_work: UnitOfWorkFactory) -> list[ApiKey]:
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(select(ApiKey).where(ApiKey.revoke_time.is_(None)))
        return list(rows)


async def test_key_is_left_for_its_owner_only(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    path = tmp_path / "operator.key"

    assert await OperatorKeyFile(path, unit_of_work).ensure()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await is_operator(path.read_text().strip(), unit_of_work)
    assert [entry.name for entry in os.scandir(tmp_path) if "operator" in entry.name] == ["operator.key"]


async def test_valid_key_is_kept_and_made_private(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    path = tmp_path / "operator.key"
    await OperatorKeyFile(path, unit_of_work).ensure()
    before = path.read_text()
    path.chmod(0o644)

    assert not await OperatorKeyFile(path, unit_of_work).ensure()

    assert path.read_text() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("defect", ["revoked", "expired", "nonsense", "of another database", "gone"])
async def test_invalid_key_is_replaced(unit_of_work: UnitOfWorkFactory, tmp_path: Path, defect: str) -> None:
    """And the one before is valid no more, whoever knows it."""
    path = tmp_path / "operator.key"
    await OperatorKeyFile(path, unit_of_work).ensure()
    before = path.read_text().strip()
    if defect == "gone":
        path.unlink()
    elif defect == "nonsense":
        path.write_bytes(b"\xff\n")
    elif defect == "of another database":
        path.write_text(before[:-1] + ("A" if before[-1] != "A" else "B"))
    else:
        async with unit_of_work() as work:
            row = await KeyRepository(work.session).find(before.split("_")[1])
            assert row is not None
            past = utc_now() - timedelta(seconds=1)
            row.revoke_time, row.expire_time = (past, row.expire_time) if defect == "revoked" else (None, past)
            await work.commit()

    assert await OperatorKeyFile(path, unit_of_work).ensure()

    after = path.read_text().strip()
    assert after != before
    assert await is_operator(after, unit_of_work)
    assert not await is_operator(before, unit_of_work)
    assert [row.key_id for row in await valid_keys(unit_of_work)] == [after.split("_")[1]]


async def test_a_file_that_is_lost_again_and_again_leaves_one_key(
    unit_of_work: UnitOfWorkFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "operator.key"
    caplog.set_level(logging.WARNING)
    for _ in range(10):
        path.unlink(missing_ok=True)
        assert await OperatorKeyFile(path, unit_of_work).ensure()

    [row] = await valid_keys(unit_of_work)

    assert path.read_text().split("_")[1] == row.key_id
    assert sum("was gone or not valid" in record.message for record in caplog.records) == 9


async def test_each_host_and_each_file_has_a_key_of_its_own(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    """One that is made anew does not cut off whoever uses another."""
    files = [("a", tmp_path / "1.key"), ("a", tmp_path / "2.key"), ("b", tmp_path / "1.key")]
    texts = []
    for host, path in files:
        path.unlink(missing_ok=True)
        await OperatorKeyFile(path, unit_of_work, host=host).ensure()
        texts.append(path.read_text().strip())

    assert [await is_operator(text, unit_of_work) for text in texts] == [True, True, True]
    assert len(await valid_keys(unit_of_work)) == 3


async def test_cores_that_start_with_one_file_end_with_one_key(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    path = tmp_path / "operator.key"

    await asyncio.gather(*(OperatorKeyFile(path, unit_of_work).ensure() for _ in range(5)))

    [row] = await valid_keys(unit_of_work)
    assert path.read_text().split("_")[1] == row.key_id
    assert await is_operator(path.read_text().strip(), unit_of_work)


async def test_a_running_core_renews_its_key_and_nobody_does_so_after_it(
    unit_of_work: UnitOfWorkFactory, tmp_path: Path
) -> None:
    path, clock = tmp_path / "operator.key", Clock()
    file = OperatorKeyFile(path, unit_of_work, clock)
    await file.ensure()
    before, start = path.read_text(), clock.time

    for _ in range(3):
        clock.time += LIFETIME - timedelta(hours=1)
        await file.renew()

    [row] = await valid_keys(unit_of_work)
    assert (path.read_text(), row.expire_time) == (before, clock.time + LIFETIME)
    assert row.create_time == start


async def test_a_file_that_goes_while_the_core_runs_is_written_anew(
    unit_of_work: UnitOfWorkFactory, tmp_path: Path
) -> None:
    path = tmp_path / "operator.key"
    file = OperatorKeyFile(path, unit_of_work)
    await file.ensure()
    path.unlink()

    await file.renew()

    assert await is_operator(path.read_text().strip(), unit_of_work)


async def test_a_running_core_does_not_replace_a_key_that_is_revoked(
    unit_of_work: UnitOfWorkFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two cores whose files have one name would else take turns for ever; the next start replaces it."""
    path = tmp_path / "operator.key"
    file = OperatorKeyFile(path, unit_of_work)
    await file.ensure()
    text = path.read_text()
    path.unlink()
    await OperatorKeyFile(path, unit_of_work).ensure()
    path.write_text(text)

    for _ in range(2):
        await file.renew()

    assert path.read_text() == text
    assert [record.message for record in caplog.records if "is revoked;" in record.message] == [
        "the key in the operator key file is revoked; a core that starts makes another"
    ]


async def test_a_key_that_an_operator_put_there_stays_as_it_is(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    """As one of an earlier release: it has no end, and gets none."""
    path = tmp_path / "operator.key"
    await OperatorKeyFile(path, unit_of_work).ensure()
    async with unit_of_work() as work:
        row = await KeyRepository(work.session).find(path.read_text().split("_")[1])
        assert row is not None
        row.key_file = row.expire_time = None
        await work.commit()

    assert not await OperatorKeyFile(path, unit_of_work).ensure()

    [row] = await valid_keys(unit_of_work)
    assert (row.key_file, row.expire_time) == (None, None)


async def test_a_long_path_is_told_from_another(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 200) / ("b" * 200)
    folder.mkdir(parents=True)
    for name in ("1.key", "2.key"):
        await OperatorKeyFile(folder / name, unit_of_work).ensure()

    assert len(await valid_keys(unit_of_work)) == 2
