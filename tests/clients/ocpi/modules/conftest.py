"""What tests of the modules of OCPI share: the core has SQLite, for the adapter's own database is what matters here."""

import pytest


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The database of the core."""
    return sqlite_url
