"""Fixtures of the cases of OCPP 1.6: as those of 2.0.1, with a station that speaks 1.6."""

import pytest

__all__ = ["ocpp_version"]


@pytest.fixture
def ocpp_version() -> str:
    """What the station of the case speaks."""
    return "1.6"
