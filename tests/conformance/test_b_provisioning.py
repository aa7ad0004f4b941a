"""Block B, Provisioning: boot, reset and network profiles."""

from tests.conformance import states
from tests.conformance.station import ConformanceStation


async def test_TC_B_01_CSMS(station: ConformanceStation) -> None:
    """A station boots and is accepted."""
    answer = await states.booted(station)

    assert answer["status"] == "Accepted"
