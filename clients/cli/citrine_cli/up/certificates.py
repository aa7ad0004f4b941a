"""The certificates of `citrine up`: a development CA, and the certificate that the edge presents to stations."""

import socket
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from citrine_cli.development_ca import DevelopmentCa, hosts_of
from citrine_cli.up.settings import host_and_port
from citrine_words.clock import utc_now

__all__ = ["StationTls", "hosts_for", "station_tls"]

AUTHORITY_VALIDITY = timedelta(days=3650)

VALIDITY = timedelta(days=397)

RENEWED_BEFORE = timedelta(days=30)
"""How long before its end the certificate of the server is replaced, at a start."""


@dataclass(frozen=True, slots=True)
class StationTls:
    """Files of the TLS between stations and the edge."""

    ca_file: Path
    """The authority: it signs the certificates of the edge and of stations."""
    ca_key_file: Path
    certificates: Sequence[tuple[Path, Path]]
    """Certificates of the edge with their keys: one with an EC key, and one with an RSA key."""


def station_tls(folder: Path, hosts: Collection[str]) -> StationTls:
    """Return the files, made as far as they are missing, soon expired, or not for all hosts.

    Args:
        folder: Directory of the authority, as of `citrine ca`.
        hosts: DNS names and IP addresses by which stations reach the edge.

    Raises:
        CliError: When they can't be made.
    """
    authority = DevelopmentCa(folder)
    if not authority.certificate_file.exists() and not authority.key_file.exists():
        authority.create("Citrine development CA", AUTHORITY_VALIDITY)
    return StationTls(
        authority.certificate_file,
        authority.key_file,
        [_server(authority, folder, hosts, with_rsa=with_rsa) for with_rsa in (False, True)],
    )


def hosts_for(*listeners: str) -> list[str]:
    """Return the names and addresses by which stations may reach listeners on this machine."""
    return list(dict.fromkeys(("localhost", "127.0.0.1", "::1", *_hosts(listeners))))


def _hosts(listeners: Collection[str]) -> Iterator[str]:
    name = socket.gethostname()
    if name.isascii():
        yield name
    for listener in listeners:
        if listener:
            host, _ = host_and_port(listener)
            if host not in ("0.0.0.0", "::", "*"):
                yield host


def _server(authority: DevelopmentCa, folder: Path, hosts: Collection[str], *, with_rsa: bool) -> tuple[Path, Path]:
    name = "server-rsa" if with_rsa else "server"
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    known, until = hosts_of(certificate)
    if key.exists() and until > utc_now() + RENEWED_BEFORE and known >= set(hosts):
        return certificate, key
    # Hosts that it was issued for by hand are retained.
    names = [*hosts, *sorted(known - set(hosts))]
    return authority.issue_server("server", names, VALIDITY, with_rsa=with_rsa)
