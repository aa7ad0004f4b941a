"""The operator's key in its file."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from citrine_core.clock import utc_now
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.keys import KeyAuthenticator, KeyRepository, ensure_operator_key


async def is_operator(text: str, unit_of_work: UnitOfWorkFactory) -> bool:
    identity = await KeyAuthenticator(unit_of_work).authenticate({"authorization": f"Bearer {text}"})
    return identity is not None and identity.tenant_id is None


async def test_key_is_left_for_its_owner_only(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    path = tmp_path / "operator.key"

    assert await ensure_operator_key(path, unit_of_work)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await is_operator(path.read_text().strip(), unit_of_work)
    assert [entry.name for entry in os.scandir(tmp_path) if "operator" in entry.name] == ["operator.key"]


async def test_valid_key_is_kept_and_made_private(unit_of_work: UnitOfWorkFactory, tmp_path: Path) -> None:
    path = tmp_path / "operator.key"
    await ensure_operator_key(path, unit_of_work)
    before = path.read_text()
    path.chmod(0o644)

    assert not await ensure_operator_key(path, unit_of_work)

    assert path.read_text() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("defect", ["revoked", "expired", "nonsense", "of another database"])
async def test_invalid_key_is_replaced(unit_of_work: UnitOfWorkFactory, tmp_path: Path, defect: str) -> None:
    path = tmp_path / "operator.key"
    await ensure_operator_key(path, unit_of_work)
    before = path.read_text().strip()
    if defect == "nonsense":
        path.write_bytes(b"\xff\n")
    elif defect == "of another database":
        path.write_text(before[:-1] + ("A" if before[-1] != "A" else "B"))
    else:
        async with unit_of_work() as work:
            row = await KeyRepository(work.session).find(before.split("_")[1])
            assert row is not None
            past = utc_now() - timedelta(seconds=1)
            row.revoke_time, row.expire_time = (past, None) if defect == "revoked" else (None, past)
            await work.commit()

    assert await ensure_operator_key(path, unit_of_work)

    assert await is_operator(path.read_text().strip(), unit_of_work)
    assert path.read_text().strip() != before
