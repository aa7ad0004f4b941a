"""The stations of the demo use the security profiles for which there are listeners."""

from collections.abc import Mapping

import pytest

from citrine_cli.up.demo import Demo
from citrine_cli.up.simulators import Group, groups

DEMO = Demo(stations={"DEMO-1": "one", "DEMO-2": "two", "DEMO-3": "three"}, tokens={})
PLAIN, TLS, MTLS = "ws://127.0.0.1:9000", "wss://127.0.0.1:9443", "wss://127.0.0.1:9444"


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        pytest.param({1: PLAIN, 2: TLS, 3: MTLS}, {1: ["DEMO-1"], 2: ["DEMO-2"], 3: ["DEMO-3"]}, id="all"),
        pytest.param({1: PLAIN, 2: TLS}, {1: ["DEMO-1"], 2: ["DEMO-2", "DEMO-3"]}, id="no profile 3"),
        # Nobody can order a certificate then.
        pytest.param({1: PLAIN, 3: MTLS}, {1: ["DEMO-1", "DEMO-2", "DEMO-3"]}, id="no profile 2"),
        pytest.param({1: PLAIN}, {1: ["DEMO-1", "DEMO-2", "DEMO-3"]}, id="no TLS"),
    ],
)
def test_each_station_uses_the_profile_it_is_for_or_the_next_lower(
    urls: Mapping[int, str], expected: Mapping[int, list[str]]
) -> None:
    found = list(groups(DEMO, urls))

    assert {group.profile: list(group.stations) for group in found} == expected
    assert all(group.url == urls[group.profile] for group in found)


def test_who_needs_a_certificate_orders_it_by_password() -> None:
    assert list(groups(DEMO, {1: PLAIN, 2: TLS, 3: MTLS}))[-1] == Group(3, MTLS, TLS, {"DEMO-3": "three"})
