"""Addresses are checked before anything is started."""

import re
import socket

import pytest

from citrine_cli.errors import CliError
from citrine_cli.up.ports import check_free, reachable


def test_a_port_in_use_is_named_with_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = rf"port {port} for stations is in use on 127.0.0.1; .* CITRINE_OCPP_LISTEN=(127.0.0.1:\d+) make up$"
        with pytest.raises(CliError, match=said) as refused:
            check_free("stations", "CITRINE_OCPP_LISTEN", f"127.0.0.1:{port}")

        # What is advised can be used.
        found = re.search(said, str(refused.value))
        assert found is not None
        check_free("stations", "CITRINE_OCPP_LISTEN", found[1])


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CliError, match=r"203.0.113.1:1 for gRPC can't be used"):
        check_free("gRPC", "CITRINE_GRPC_LISTEN", "203.0.113.1:1")


def test_any_free_port_is_free() -> None:
    check_free("gRPC", "CITRINE_GRPC_LISTEN", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("address", "expected"),
    [("0.0.0.0:9000", "127.0.0.1:9000"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")],
)
def test_a_listener_on_all_addresses_is_reached_on_this_machine(address: str, expected: str) -> None:
    assert reachable(address) == expected
