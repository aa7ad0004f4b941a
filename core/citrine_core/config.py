"""Settings of a core process, by variable and flag."""

import difflib
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, SecretStr

from citrine_core.retention_settings import RetentionSettings
from citrine_process import settings
from citrine_process.addresses import is_loopback, split_address
from citrine_process.settings import PREFIX, Duration, DurationOrNone, InvalidSetting, read_credential

__all__ = ["CoreSettings", "read_settings"]

_OF_OTHERS = ("CITRINE_EDGE_", "CITRINE_OCPP_", "CITRINE_OCPPS_", "CITRINE_OCPI_", "CITRINE_CORE_CA_FILE")
"""Variables with these prefixes are the edge's, and those of clients that are processes."""


class CoreSettings(RetentionSettings):
    """Settings by flag (--grpc-listen) and variable (CITRINE_GRPC_LISTEN)."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    database: str = "sqlite+aiosqlite:///citrine.db"
    """SQLAlchemy URL with an asyncio driver: sqlite+aiosqlite or postgresql+asyncpg."""

    grpc_listen: str = "127.0.0.1:50051"
    """Host and port of the gRPC server, for clients and edges alike. Port 0: any free one."""

    core_workers: int = Field(default=1, ge=1, le=64)
    """Processes behind grpc_listen, as many as there are processors for them (Linux only).

    Each is a core of its own, and one that ends is started again. Worker N also listens on the Nth port behind that of
    grpc_listen, where edges link to it: with 50051 and two workers 50052 and 50053. For edges, 50051 is enough.
    """

    grpc_certificate_file: Path | None = None
    """Certificate of the gRPC server in PEM, followed by intermediate ones. With it, grpc_listen speaks TLS only.

    It is read again when it changes; open connections continue.
    """

    grpc_key_file: Path | None = None
    """Private key of grpc_certificate_file in PEM. Unset: it is in that file."""

    link_listen: str = ""
    """Host and port for edges with a certificate of their own (mTLS). Empty: edges link by grpc_listen."""

    link_ca_file: Path | None = None
    """Authorities in PEM whose certificates edges present at link_listen."""

    insecure_grpc: bool = False
    """Whether grpc_listen may be reachable from other machines without TLS."""

    core_http_listen: str = "127.0.0.1:9002"
    """Host and port of /healthz, /readyz and /metrics."""

    grpc_reflection: bool = True
    """Whether the gRPC server shows its contract to callers without a key (gRPC reflection)."""

    ready_file: Path | None = None
    """Written when everything listens: JSON with the addresses and the pid."""

    edge_credential: SecretStr | None = None
    """What all edges without a certificate and without a credential of their own must know to open a link."""

    edge_credential_file: Path | None = None
    """File that holds edge_credential."""

    operator_key_file: Path | None = None
    """Where to leave an operator key, mode 0600, if there is none or it is not valid any more.

    The one before is revoked. It is valid as long as a core runs that has the file, and 7 days more.
    """

    oidc_issuer: str = ""
    """URL of an OpenID Connect provider whose tokens are accepted beside API keys, as its tokens name it (iss). Empty:
    none are."""

    oidc_audience: str = ""
    """What the tokens must be for (aud)."""

    oidc_algorithms: str = "RS256 ES256"
    """Algorithms by which the tokens may be signed, separated by blanks."""

    oidc_jwks_url: str = ""
    """Where the provider publishes its keys. Empty: where its discovery document says."""

    oidc_tenant_claim: str = "tenant"
    """Claim that names the tenant of the caller."""

    oidc_roles_claim: str = "scope"
    """Claim with the roles of the caller: a list, or a text with blanks between. A path as "realm_access.roles" works,
    too."""

    oidc_roles: str = ""
    """Roles and scopes by role of the provider, as "dispatcher=operator; chief=*". Empty: its roles are scopes here."""

    oidc_operator_role: str = ""
    """Role whose holders are operators of all tenants. Empty: no token makes an operator."""

    oidc_name_claim: str = "sub"
    """Claim with the name that commands and the audit show."""
    encryption_key_file: Path | None = None
    """File with the keys that encrypt secrets which wait to be sent, mode 0600. It is made if there is none.

    Cores on several hosts need the same file. Without it whatever would store such a secret is refused.
    """

    encryption_key_url: str = Field(default="", pattern="^(https?://[^/?#@]+/v1/([^/?#]+/)+keys/[A-Za-z0-9._-]+)?$")
    """Key of the transit engine of Vault or OpenBao that encrypts them in place of a file: https://HOST/v1/MOUNT/keys/NAME.
    """

    encryption_token_file: Path | None = None
    """File that holds the token for it, read at each request."""

    encryption_trust_file: Path | None = None
    """Roots in PEM by which its server is verified. Unset: those of the system."""

    firmware_hosts: str = ""
    """Hosts that the core may read firmware from, to verify it, although their addresses are private; with commas."""

    heartbeat_interval: Duration = timedelta(minutes=5)
    """What BootNotificationResponse tells a station to wait between heartbeats."""

    pending_interval: Duration = timedelta(minutes=1)
    """What a pending or rejected station waits before its next BootNotification."""

    default_timeout: Duration = timedelta(seconds=30)
    """How long a station may take to answer a command, where the caller does not say."""

    charging_plans: Literal["core", "clients"] = "core"
    """Who plans the schedules of vehicles that say what they need (ISO 15118): the core, or clients, by events."""

    certificate_owners: str = ""
    """What organizationName (O) in the certificates of stations must be one of (security profile 3, A00.FR.404), and in
    requests for them, separated by semicolons. Empty: anything; whom the edge trusts to issue certificates decides."""

    blocks: str = ""
    """Functional blocks to serve to stations, separated by commas. Empty: all."""

    lanes: int = Field(default=0, ge=0, le=64)
    """Database transactions for stations at a time. 0: 1 with SQLite, 2 with PostgreSQL."""

    drain_time: Duration = timedelta(seconds=10)
    """How long a stopping core finishes what is under way."""

    evse_power_kw: float | None = Field(default=None, gt=0, le=10_000)
    """What an EVSE can give whose device model does not say. Unset: no more than a megawatt is believed.

    A register that rises faster is not billed until a later reading or an operator confirms it.
    """

    inventory_delay: Duration = Field(default=timedelta(seconds=30), ge=timedelta(0))
    """How long a station that is new, or booted with other firmware, has until it is asked for its inventory."""

    report_timeout: Duration = Field(default=timedelta(minutes=10), gt=timedelta(0))
    """How long the next part of a report is waited for, before it counts as expired."""

    transaction_check_delay: Duration = timedelta(seconds=30)
    """How long missing events of a transaction may take, before its station is asked for them; and how long a station
    that is back may take to mention an open transaction."""

    transaction_silence: DurationOrNone = timedelta(hours=1)
    """After that long without news of an open transaction, its connected station is asked whether it goes on. "none":
    never."""

    station_clock_tolerance: DurationOrNone = Field(default=timedelta(minutes=5), gt=timedelta(0))
    """How far a station's clock may differ from ours. Transactions of one that differs more are billed by our clock.
    "none": stations are believed."""

    transaction_settle_time: DurationOrNone = Field(default=timedelta(days=1), gt=timedelta(0))
    """How long missing events of a transaction that ended may take, before it is settled without them. "none": for
    ever."""

    transaction_over_grace: Duration = Field(default=timedelta(minutes=10), ge=timedelta(0))
    """How long a station may take to tell the end of a transaction, once another one began at its EVSE or its connector
    is available; then it is closed and settled."""

    firmware_silence: Duration = timedelta(hours=24)
    """How long a station may say nothing of a firmware update before nobody knows what became of it.

    The time until a download or an installation that is scheduled does not count.
    """

    certificate_expiry_notice: Duration = Field(default=timedelta(days=30), gt=timedelta(0), le=timedelta(days=3650))
    """How long before the end of a certificate of the store the event CertificateExpiring is sent."""

    station_ca_certificate_file: Path | None = None
    """Certificates in PEM of a local authority, and of those above it, that signs the certificates of stations for
    security profile 3. Unset: requests for them are rejected.

    For development and small installations: the core then holds the key of an authority.
    """

    station_ca_key_file: Path | None = None
    """Private key of that authority, in PEM, not encrypted."""

    station_ca_url: str = ""
    """EST server (RFC 7030) that signs these certificates in place of a local authority, as
    https://ca.example/.well-known/est."""

    v2g_ca_certificate_file: Path | None = None
    """The same of the authority that signs V2G certificates (ISO 15118), and combined ones."""

    v2g_ca_key_file: Path | None = None
    """Private key of that authority, in PEM, not encrypted."""

    v2g_ca_url: str = ""
    """EST server that signs those certificates in place of a local authority."""

    est_trust_file: Path | None = None
    """Roots in PEM by which EST servers are verified. Unset: those of the system."""

    est_credential_file: Path | None = None
    """File with USER:PASSWORD for EST servers."""

    est_client_certificate_file: Path | None = None
    """Certificate in PEM, with its chain, by which the core authenticates itself to EST servers."""

    est_client_key_file: Path | None = None
    """Its private key, in PEM, not encrypted."""

    station_certificate_lifetime: Duration = Field(
        default=timedelta(days=365), ge=timedelta(hours=1), le=timedelta(days=3650)
    )
    """How long certificates are valid that a local authority signs."""

    station_certificate_renewal: Duration = Field(default=timedelta(days=30), gt=timedelta(0), le=timedelta(days=3650))
    """How long before its end a station is asked to renew a certificate that was signed through this core; a third of
    its lifetime at most."""

    station_certificate_grace: Duration = Field(default=timedelta(days=30), ge=timedelta(0), le=timedelta(days=3650))
    """How long a certificate that was renewed still counts, if its successor is not used before."""

    station_certificate_ocsp: Literal["off", "soft", "hard"] = "off"
    """Whether the OCSP responders that certificates of stations name are asked when these connect: off; soft, where a
    certificate whose status nobody says is let in; or hard, where it is refused. Issuers must be in the store of
    certificates as station-ca; the local authority's need no responder. Answers are cached while they are valid."""

    certificate_orders_per_hour: int = Field(default=10, ge=1, le=1000)
    """Requests for certificates that a station may make in an hour; more are rejected."""

    contract_pool_url: str = Field(default="", pattern="^(https?://[^/?#@]+[^?#@]*)?$")
    """URL of the contract certificate pool that EVs get their contracts from, without OPCP's path /v1/ccp. Empty: none.
    """

    contract_pool_token_file: Path | None = None
    """File that holds the bearer token of the pool. It is read at each request, so that the token can be renewed."""

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    def credential(self) -> str | None:
        """Return the credential of the edge link, None where there is none.

        Raises:
            InvalidSetting: When its file can't be read.
        """
        return read_credential(self.edge_credential_file, self.edge_credential) or None

    def check_listeners(self) -> None:
        """Refuse plain text that other machines can reach, and TLS settings that make no sense together.

        Raises:
            InvalidSetting: What is wrong.
        """
        host, _ = split_address(self.grpc_listen)
        if self.link_listen and split_address(self.link_listen)[1] == 0 and self.core_workers > 1:
            raise InvalidSetting("link_listen: several workers need the same port, not any free one")
        if self.grpc_key_file is not None and self.grpc_certificate_file is None:
            raise InvalidSetting("grpc_key_file needs grpc_certificate_file")
        if bool(self.link_listen) != (self.link_ca_file is not None):
            raise InvalidSetting("link_listen and link_ca_file need each other")
        if self.link_listen and self.grpc_certificate_file is None:
            raise InvalidSetting("link_listen needs grpc_certificate_file")
        if self.grpc_certificate_file is None and not is_loopback(host) and not self.insecure_grpc:
            raise InvalidSetting(
                f"grpc_listen: {self.grpc_listen} may be reachable from other machines, and so needs TLS: set "
                "--grpc-certificate-file and --grpc-key-file, or allow plain text with --insecure-grpc"
            )

    def contract_pool_token(self) -> str:
        """Return the bearer token of the contract certificate pool, empty where there is none.

        Raises:
            OSError: When its file can't be read.
        """
        return self.contract_pool_token_file.read_text().strip() if self.contract_pool_token_file is not None else ""

    @property
    def worker_ports(self) -> range:
        """Ports by which edges reach each of several workers, the first one's first."""
        _, port = split_address(self.grpc_listen)
        return range(port + 1, port + 1 + self.core_workers)

    @property
    def owners(self) -> frozenset[str]:
        """Names of who may own the certificates of stations. Empty: anybody."""
        return frozenset(name.strip() for name in self.certificate_owners.split(";") if name.strip())

    @property
    def hosts_of_firmware(self) -> frozenset[str]:
        """Hosts with private addresses that firmware may be read from."""
        return frozenset(name.strip() for name in self.firmware_hosts.split(",") if name.strip())

    @property
    def served_blocks(self) -> frozenset[str]:
        """Names of the blocks to serve to stations. Empty: all."""
        return frozenset(name.strip() for name in self.blocks.split(",") if name.strip())


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> CoreSettings:
    """Return the settings from flags and variables; a flag wins.

    Raises:
        InvalidSetting: When one is unknown or invalid.
    """
    for variable in environment:
        _check_variable(variable.upper())
    about = "Run a core: the process that decides and stores."
    return settings.read_settings(
        CoreSettings,
        "citrine core",
        about,
        arguments,
        environment,
        {"core_http_listen": ["--http-listen"], "core_workers": ["--workers"]},
    )


def _check_variable(variable: str) -> None:
    """Refuse a variable that nobody knows and that looks like one of ours.

    The prefix is shared with the edge and the clients, so that what is merely unknown here may be theirs.
    """
    name = variable.removeprefix(PREFIX).lower()
    if not variable.startswith(PREFIX) or variable.startswith(_OF_OTHERS) or name in CoreSettings.model_fields:
        return
    meant = difflib.get_close_matches(name, CoreSettings.model_fields, n=1, cutoff=0.8)
    if meant or variable.startswith("CITRINE_CORE_"):
        hint = f", did you mean {PREFIX}{meant[0].upper()}?" if meant else ""
        raise InvalidSetting(f"unknown setting {variable}{hint}")
