"""The gRPC channel to the cores: target, load balancing, keepalive and retries."""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Sequence
from pathlib import Path

import grpc

from citrine_sdk.stubs import READS

__all__ = ["channel_options", "resolve_target", "service_config", "split_addresses", "tls_credentials", "tls_options"]

RESOLVE_TIMEOUT = 10.0
"""Seconds to wait for the addresses of host names."""

_DEFAULT_PORT = "50051"


def split_addresses(addresses: str | Sequence[str]) -> list[str]:
    """Return the addresses of a comma-separated list or of a sequence, without blanks.

    Raises:
        ValueError: When no address is given.
    """
    parts = addresses.split(",") if isinstance(addresses, str) else list(addresses)
    found = [part.strip() for part in parts if part.strip()]
    if not found:
        raise ValueError("no address of a core is given")
    return found


def _host_and_port(address: str) -> tuple[str, str]:
    host, separator, port = address.rpartition(":")
    if not separator or (":" in host and not host.startswith("[")):
        host, port = address, _DEFAULT_PORT
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address: expected HOST:PORT")
    return host, port


def _is_target(address: str) -> bool:
    # A gRPC target names its resolver: "dns:///core:50051", "unix:/run/core.sock", "ipv4:10.0.0.1:50051".
    return "://" in address or address.startswith(("dns:", "unix:", "unix-abstract:", "ipv4:", "ipv6:"))


async def _addresses_of(host: str, port: str) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        raise ValueError(f"{host} has no address: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def resolve_target(addresses: str | Sequence[str]) -> str:
    """Return the gRPC target for one or more cores.

    A single address remains a name: gRPC resolves it repeatedly, so a DNS name with several addresses follows
    its replicas. Several addresses are resolved once, here: gRPC has no resolver for a list of names.

    Raises:
        ValueError: When an address is malformed, or its host name has no IP address.
    """
    parts = split_addresses(addresses)
    if len(parts) == 1:
        if _is_target(parts[0]):
            return parts[0]
        host, port = _host_and_port(parts[0])
        return f"dns:///[{host}]:{port}" if ":" in host else f"dns:///{host}:{port}"
    found: list[tuple[str, str]] = []
    for part in parts:
        host, port = _host_and_port(part)
        found += [(address, port) for address in await _addresses_of(host, port)]
    if all("." in address for address, _ in found):
        return "ipv4:" + ",".join(f"{address}:{port}" for address, port in found)
    # A gRPC target has one address family, so IPv4 addresses are mapped to IPv6.
    mapped = (f"::ffff:{address}" if "." in address and ":" not in address else address for address, _ in found)
    return "ipv6:" + ",".join(f"[{address}]:{port}" for address, (_, port) in zip(mapped, found, strict=True))


def service_config() -> str:
    """Return the gRPC service config: round robin over the cores, and reads are resent after UNAVAILABLE.

    The channel never resends commands and writes, because they may have had their effect in spite of UNAVAILABLE.
    """
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": [
                {
                    "name": [{"service": service, "method": method} for service, method in sorted(READS)],
                    "retryPolicy": {
                        "maxAttempts": 4,
                        "initialBackoff": "0.1s",
                        "maxBackoff": "2s",
                        "backoffMultiplier": 3,
                        "retryableStatusCodes": ["UNAVAILABLE"],
                    },
                }
            ],
        }
    )


def channel_options() -> list[tuple[str, str | int]]:
    """Return the channel's options. A call detects a dead core within 40 s; reconnects are at most 5 s apart."""
    return [
        ("grpc.service_config", service_config()),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ]


def tls_credentials(ca_file: str | Path | None = None) -> grpc.ChannelCredentials:
    """Return the credentials of a channel with TLS.

    Args:
        ca_file: Authorities in PEM that the cores' certificates are verified against. None: those of gRPC.

    Raises:
        ValueError: When the file can't be read, or holds no certificate.
    """
    if ca_file is None:
        return grpc.ssl_channel_credentials()
    try:
        authorities = Path(ca_file).read_bytes()
    except OSError as error:
        raise ValueError(f"{ca_file} can't be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in authorities:
        raise ValueError(f"{ca_file} holds no certificate in PEM")
    return grpc.ssl_channel_credentials(authorities)


def tls_options(addresses: str | Sequence[str]) -> list[tuple[str, str | int]]:
    """Return further options of a channel with TLS.

    Several addresses are resolved before gRPC sees them, so it can't know their names: the certificates of all of
    these cores must have the first one.
    """
    parts = split_addresses(addresses)
    if len(parts) == 1:
        return []
    return [("grpc.ssl_target_name_override", _host_and_port(parts[0])[0])]
