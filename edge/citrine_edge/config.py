"""Settings of an edge process, by variable and flag."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from citrine_edge.tls import CertificateFiles
from citrine_process import settings
from citrine_process.addresses import is_loopback, split_address
from citrine_process.settings import PREFIX, Duration, InvalidSetting, read_credential

__all__ = ["LISTENERS", "EdgeSettings", "read_settings"]

_OWN_PREFIXES = ("CITRINE_EDGE_", "CITRINE_OCPP_", "CITRINE_OCPPS_")
"""Variables with these prefixes are the edge's: one that it does not know is a mistake. Others may be the core's."""


LISTENERS: Mapping[str, str] = {
    "ocpp": "ocpp_listen",
    "ocpps": "ocpps_listen",
    "ocpps_mtls": "ocpps_mtls_listen",
}
"""Settings of the listeners for stations, by the names that the ready file has, the lowest security profile first."""


class EdgeSettings(BaseModel):
    """Settings by flag (--ocpp-listen) and variable (CITRINE_OCPP_LISTEN); a flag wins."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    ocpp_listen: str = "0.0.0.0:9000"
    """Host and port for charging stations without TLS (security profile 1). Port 0: any free one. Empty: none."""

    ocpps_listen: str = ""
    """Host and port for charging stations with TLS and a password (security profile 2), as 0.0.0.0:9443.
    Empty: none."""

    ocpps_mtls_listen: str = ""
    """Host and port for charging stations with TLS and a client certificate (security profile 3), as 0.0.0.0:9444.
    Empty: none."""

    ocpps_certificate_file: str = ""
    """Certificate that the edge presents, with those above it, PEM. Several files are separated by commas: one with an
    EC and one with an RSA key serve all stations (A00.FR.318).

    The files of TLS are loaded anew within a minute after one of them changed, and on SIGHUP.
    """

    ocpps_key_file: str = ""
    """Keys of these certificates, PEM, in the same order. Empty: they are in the same files."""

    ocpps_client_ca_file: Path | None = None
    """Authorities that issue the certificates of stations, PEM: those of charging station operators and manufacturers
    that are trusted, and no others."""

    ocpps_client_crl_file: Path | None = None
    """Revocation lists of these authorities, PEM: of each that issues certificates of stations a current one, or none
    of its stations is let in. Unset: the edge checks no revocation, and the core what RevokeStationCertificate said."""

    ocpps_expired_certificates: bool = False
    """Let stations through whose certificate has expired. The core admits only those of them that may renew theirs
    (Station.accept_expired_certificate, A00.FR.429). TLS checks no validity then, neither of authorities nor of
    revocation lists: have only those in the files that are to count."""

    ocpps_forward_secrecy: bool = False
    """Refuse the cipher suites of TLS 1.2 without forward secrecy, which part 2 requires of a CSMS (A00.FR.318) and
    some stations need."""

    ocpp_proxies: str = ""
    """Addresses and networks of proxies and load balancers whose PROXY headers and HTTP headers count, separated by
    commas. Nobody else's do."""

    ocpp_proxy_protocol: str = ""
    """Listeners whose connections begin with a PROXY header of version 2, of ocpp, ocpps and ocpps_mtls, separated by
    commas. They accept connections of ocpp_proxies only."""

    ocpp_client_certificate_header: str = ""
    """HTTP header in which ocpp_proxies forward the client certificate that they verified: Client-Cert (RFC 9440), or
    one with percent-encoded PEM (nginx). Empty: they forward none."""

    public_url: str = ""
    """URL that stations are given to reach this edge, as ws://HOST:PORT or wss://HOST/PATH, without tenant and station.

    Behind a proxy or a load balancer it is theirs. Empty: made of the first listener there is, of ocpp_listen,
    ocpps_listen and ocpps_mtls_listen, and, where that is all addresses, the name of this machine, or 127.0.0.1 where
    that is not known.
    """

    core: str = "127.0.0.1:50051"
    """Where cores are: host:port, separated by commas. Every address of a DNS name gets a link."""

    edge_workers: int = Field(default=1, ge=1, le=64)
    """Processes behind the listeners for stations, as many as there are processors for them (Linux only).

    Each is an edge of its own; one that ends is started again. Limits of this page hold for each of them.
    """

    edge_http_listen: str = "127.0.0.1:9001"
    """Host and port of /healthz, /readyz and /metrics."""

    edge_credential: SecretStr | None = None
    """What opens the link to a core."""

    edge_credential_file: Path | None = None
    """File that holds edge_credential."""

    edge_core_ca_file: Path | None = None
    """Authorities in PEM that cores' certificates are verified against. With it, links speak TLS.

    It and the edge's own certificate are read again whenever a link connects.
    """

    edge_certificate_file: Path | None = None
    """The edge's own certificate in PEM, by which cores identify it (at their link_listen)."""

    edge_key_file: Path | None = None
    """Private key of edge_certificate_file in PEM. Unset: it is in that file."""

    insecure_grpc: bool = False
    """Whether links to other machines may be plain text."""

    ready_file: Path | None = None
    """Written when everything listens: JSON with the addresses and the pid."""

    drain_time: Duration = timedelta(seconds=10)
    """How long a stopping edge waits for answers that are under way."""

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    edge_hold_time: Duration = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """How long calls are queued while no core can serve them, before their sockets are closed.

    As long as stations wait for an answer anyway, a core that restarts costs none of them its socket.
    """

    edge_gather_time: Duration = Field(default=timedelta(milliseconds=25), ge=timedelta(0), le=timedelta(seconds=1))
    """How long a message of a station waits at most for those of other stations, to go on to a core together with them.

    It waits only where others are to be expected meanwhile, at some 40 messages a second and more. What is handled
    together costs a fraction of the CPU. Nothing else waits: no command, no log-in, no station that is alone. 0: none.
    """

    edge_settle_time: Duration = Field(default=timedelta(seconds=2), ge=timedelta(0))
    """How long a core has to serve after an outage, before stations are let in again; twice as long with each further
    outage in ten minutes.

    A core that is back within edge_hold_time serves at once.
    """

    edge_close_spread: Duration = Field(default=timedelta(seconds=3), gt=timedelta(0))
    """Over what time the sockets are closed when all of them have to be, so that their stations do not all come back at
    once."""

    ocpp_call_timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    """How long a station may take to answer a CALL where the command does not say."""

    ocpp_answer_timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    """How long a core may take to answer a station's CALL, before the socket is closed."""

    ocpp_ping_interval: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    """A station that was silent for so long is pinged."""

    ocpp_ping_timeout: Duration = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """A station that does not react to a ping for so long is gone."""

    ocpp_request_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """How long a new connection may take to say what it wants; a PROXY header and a TLS handshake as long each."""

    ocpp_handshake_timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    """How long an opening handshake may take from then on, the core's decision included."""

    ocpp_address_refusal_rate: float = Field(default=100.0, gt=0)
    """Refused handshakes per second from one address, or network of IPv6 (/64), and ten times as many at once; above it
    further ones are refused with 429. Handshakes that succeed do not count: many stations may have one address.

    Behind a proxy or a load balancer that shows its own address for all stations, set it higher.
    """

    ocpp_failed_login_rate: float = Field(default=0.2, gt=0)
    """Failed logins per second for one station from one address, and fifty times as many at once; above it they are
    answered 429. Whoever has the right password is let in all the same, also from that address."""

    ocpp_station_handshake_rate: float = Field(default=1.0, gt=0)
    """Times per second that one station is let in from one address, and twenty times as many at once; above it it is
    refused with 429."""

    ocpp_max_unfinished: int = Field(default=2000, ge=1)
    """Connections that have not begun their opening handshake, TLS handshakes included, and as many that wait for its
    end.

    Beyond, of the former the oldest of the address that has most is dropped once it had a second for its request; of
    the latter the newest of the address that has most is refused with 503.
    """

    ocpp_max_sockets: int = Field(default=20_000, gt=0)
    """Sockets open at a time."""

    ocpp_max_frame: int = Field(default=1 << 20, ge=1024)
    """Bytes of a message, decompressed."""

    ocpp_frame_rate: float = Field(default=500.0, gt=0)
    """Messages per second of one station; above it they are read more slowly."""

    ocpp_max_inbound_queue: int = Field(default=32, ge=1)
    """CALLs of one station that wait for their turn; above it reading stops."""

    ocpp_max_waiting: int = Field(default=64 << 20, ge=1 << 20)
    """Bytes of CALLs of all stations together that wait for their answer.

    Above it stations are read no further, whichever brings more, but those of a tenant with less than its share of it.
    Nothing is dropped.
    """

    ocpp_max_command_queue: int = Field(default=100, ge=1)
    """Commands that wait for one station's turn."""

    ocpp_max_write_buffer: int = Field(default=2 << 20, ge=1024)
    """Bytes that may wait for a station to read them; above it the socket is closed."""

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
        except ValueError:
            valid = False
        if url and not (valid and not parts.query and not parts.fragment and "@" not in parts.netloc):
            raise ValueError("must be like wss://csms.example.com/ocpp")
        return url.rstrip("/")

    def check_links(self) -> None:
        """Refuse plain text to other machines, and TLS settings that make no sense together.

        Raises:
            InvalidSetting: What is wrong.
        """
        if self.edge_key_file is not None and self.edge_certificate_file is None:
            raise InvalidSetting("edge_key_file needs edge_certificate_file")
        if self.edge_core_ca_file is None and self.edge_certificate_file is not None:
            raise InvalidSetting("edge_certificate_file needs edge_core_ca_file")
        if self.edge_core_ca_file is None and not self.insecure_grpc:
            for address in self.core.split(","):
                if address.strip() and not is_loopback(split_address(address)[0]):
                    raise InvalidSetting(
                        f"core: {address.strip()} may be another machine, and so needs TLS: set --edge-core-ca-file, "
                        "or allow plain text with --insecure-grpc"
                    )

    @field_validator("ocpp_proxy_protocol")
    @classmethod
    def _names_listeners(cls, text: str) -> str:
        unknown = {one.strip() for one in text.split(",") if one.strip()} - LISTENERS.keys()
        if unknown:
            raise ValueError(f"{min(unknown)!r} is none of {', '.join(LISTENERS)}")
        return text

    @property
    def listeners(self) -> dict[str, str]:
        """Addresses to listen on for stations, by listener.

        Raises:
            InvalidSetting: When there is none.
        """
        given = {name: str(getattr(self, setting)) for name, setting in LISTENERS.items()}
        found = {name: address for name, address in given.items() if address}
        if not found:
            raise InvalidSetting(f"one of {', '.join(LISTENERS.values())} is needed")
        return found

    @property
    def has_tls(self) -> bool:
        """Whether any listener ends TLS."""
        return bool(self.ocpps_listen or self.ocpps_mtls_listen)

    @property
    def proxied_listeners(self) -> frozenset[str]:
        """Listeners whose connections begin with a PROXY header."""
        return frozenset(one.strip() for one in self.ocpp_proxy_protocol.split(",") if one.strip())

    def certificate_files(self) -> CertificateFiles:
        """Return the files of TLS.

        Raises:
            InvalidSetting: When there is no certificate, or not one key for each.
        """
        certificates = [Path(one.strip()) for one in self.ocpps_certificate_file.split(",") if one.strip()]
        keys: list[Path | None] = [Path(one.strip()) for one in self.ocpps_key_file.split(",") if one.strip()]
        if not certificates:
            raise InvalidSetting("ocpps_certificate_file: is needed for TLS")
        if keys and len(keys) != len(certificates):
            raise InvalidSetting(f"ocpps_key_file: {len(keys)} keys for {len(certificates)} certificates")
        return CertificateFiles(
            tuple(zip(certificates, keys or [None] * len(certificates), strict=True)),
            self.ocpps_client_ca_file,
            self.ocpps_client_crl_file,
            self.ocpps_forward_secrecy,
            self.ocpps_expired_certificates,
        )

    def credential(self) -> str:
        """Return the credential of the edge link, empty where none is set.

        Raises:
            InvalidSetting: When its file can't be read.
        """
        return read_credential(self.edge_credential_file, self.edge_credential)


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> EdgeSettings:
    """Return the settings from flags and variables.

    Raises:
        InvalidSetting: When one is unknown or invalid.
    """
    for variable in environment:
        # Written in small letters, it is the same.
        if variable.upper().startswith(_OWN_PREFIXES) and variable.upper().removeprefix(PREFIX).lower() not in (
            EdgeSettings.model_fields
        ):
            raise InvalidSetting(f"unknown setting {variable}")
    about = "Run an edge: the process that stations connect to."
    return settings.read_settings(
        EdgeSettings,
        "citrine edge",
        about,
        arguments,
        environment,
        {"edge_http_listen": ["--http-listen"], "edge_workers": ["--workers"]},
    )
