"""Readers of documents start beside a database that is there: to make one takes as long as all else of a start."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def made_before(sqlite_template: Path, tmp_path: Path) -> None:
    """Have the tables that `citrine up` would make, as it has them from the second start on."""
    shutil.copy(sqlite_template, tmp_path / "citrine.db")
