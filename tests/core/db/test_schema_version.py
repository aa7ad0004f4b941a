"""The schema that a core needs, and finds out without Alembic."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from citrine_core.db import create_engine
from citrine_core.db.schema_version import newest_revision, schema_is_current
from citrine_core.db.upgrade import alembic_config


def test_names_of_files_say_what_alembic_says() -> None:
    assert newest_revision() == ScriptDirectory.from_config(alembic_config()).get_current_head()


async def test_an_upgraded_database_is_current(database_url: str) -> None:
    engine = create_engine(database_url)

    assert await schema_is_current(engine)

    await engine.dispose()


@pytest.mark.parametrize("revision", ["0001", "9999"])
async def test_a_schema_of_another_version_is_not_current(database_url: str, revision: str) -> None:
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    assert not await schema_is_current(engine)

    await engine.dispose()


async def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/empty.db")

    assert not await schema_is_current(engine)

    await engine.dispose()
