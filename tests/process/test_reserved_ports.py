"""Ports that several processes share."""

import socket

import psutil
import pytest

from citrine_process.addresses import split_address
from citrine_process.reserved_ports import reserved
from citrine_process.settings import InvalidSetting


def listener(port: int, *, shares: bool) -> socket.socket:
    """Listen on a port of the loopback interface, also while it is reserved."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shares))
    try:
        found.bind(("127.0.0.1", port))
        found.listen()
    except OSError:
        found.close()
        raise
    return found


def test_a_reserved_port_is_for_processes_that_share_it() -> None:
    with reserved("127.0.0.1:0") as address:
        _, port = split_address(address)
        with pytest.raises(OSError, match="in use"):
            listener(port, shares=False)
        with listener(port, shares=True), listener(port, shares=True) as second:
            assert second.getsockname()[1] == port


def test_ports_behind_it_are_reserved_as_well() -> None:
    before = psutil.Process().num_fds()
    with reserved("127.0.0.1:0", behind=2) as address:
        _, port = split_address(address)
        for number in (port, port + 1, port + 2):
            with pytest.raises(OSError, match="in use"):
                listener(number, shares=False)
    # Not by their ports: another program may have been given one meanwhile.
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("behind", [0, 1], ids=["the port itself", "the port behind it"])
def test_a_port_that_somebody_listens_on_is_named(behind: int) -> None:
    with reserved("127.0.0.1:0", behind=1) as address:
        _, port = split_address(address)
        with (
            listener(port + behind, shares=True),
            pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port + behind}: Address already in use"),
            reserved(f"127.0.0.1:{port}", behind=1),
        ):
            pass


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("127.0.0.1:65535", "cannot listen on 127.0.0.1:65536"),
        ("192.0.2.1:0", "cannot listen on 192.0.2.1:0: Cannot assign requested address"),
        ("no-such-name.invalid:0", "cannot listen on no-such-name.invalid:0"),
    ],
)
def test_an_address_that_is_none_of_this_machine_is_named(address: str, problem: str) -> None:
    with pytest.raises(OSError, match=problem), reserved(address, behind=1):
        pass


def test_an_address_without_a_port_is_no_setting() -> None:
    with pytest.raises(InvalidSetting), reserved("127.0.0.1"):
        pass


def test_an_address_of_ipv6_is_shared_as_well() -> None:
    with reserved("[::1]:0") as address:
        assert address.startswith("[::1]:")
        assert not address.endswith(":0")
