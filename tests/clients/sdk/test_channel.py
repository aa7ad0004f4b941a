"""Targets from addresses, and which methods may be sent again."""

import json

import pytest

from citrine_sdk import READS, methods
from citrine_sdk.channel import resolve_target, service_config


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        pytest.param("core:50051", "dns:///core:50051", id="a name stays a name"),
        pytest.param("core", "dns:///core:50051", id="default port"),
        pytest.param(" 127.0.0.1:1 ", "dns:///127.0.0.1:1", id="blanks"),
        pytest.param("[::1]:1", "dns:///[::1]:1", id="one of IPv6"),
        pytest.param("::1", "dns:///[::1]:50051", id="one of IPv6 without port"),
        pytest.param("dns:///cores.example:7", "dns:///cores.example:7", id="a target"),
        pytest.param("unix:/run/core.sock", "unix:/run/core.sock", id="a socket file"),
        pytest.param("127.0.0.1:1,127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2", id="a list"),
        pytest.param(["127.0.0.1:1", "[::1]:2"], "ipv6:[::ffff:127.0.0.1]:1,[::1]:2", id="both families"),
    ],
)
async def test_addresses_become_a_target(addresses: str | list[str], target: str) -> None:
    assert await resolve_target(addresses) == target


@pytest.mark.parametrize("addresses", ["", ",", "core:x", "core:70000", ":1"])
async def test_what_is_no_address_is_refused(addresses: str) -> None:
    with pytest.raises(ValueError, match="address"):
        await resolve_target(addresses)


def test_only_reads_are_sent_again() -> None:
    """A command to a station is never repeated by the channel, although its name may begin with Get."""
    assert ("citrine.api.v1.StationsService", "GetStation") in READS
    assert ("citrine.api.v1.ProvisioningService", "GetVariables") not in READS
    assert not {(method.service, method.name) for method in methods() if method.is_command or method.streams} & READS


def test_service_config_spreads_calls_over_all_cores() -> None:
    config = json.loads(service_config())

    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert len(config["methodConfig"][0]["name"]) == len(READS)
