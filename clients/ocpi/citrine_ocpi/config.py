"""Settings of the OCPI adapter, by variable and flag."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from citrine_process import settings
from citrine_process.addresses import split_address
from citrine_process.settings import PREFIX, Duration, DurationOrNone, InvalidSetting

__all__ = ["OcpiSettings", "own_variables", "read_settings"]

_OWN_PREFIX = "CITRINE_OCPI_"
"""Variables with this prefix are the adapter's: one that it does not know is a mistake."""


class OcpiSettings(BaseModel):
    """Settings by flag (--ocpi-listen) and variable (CITRINE_OCPI_LISTEN); a flag wins."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    ocpi_listen: str = "127.0.0.1:8090"
    """Host and port for partners. Port 0: any free one. There is no TLS here: put a proxy with TLS in front, and set
    ocpi_public_url."""

    ocpi_public_url: str = ""
    """URL at which partners reach the adapter, as https://ocpi.example.com, where it is not http:// and the address
    that it listens on. What partners are sent as URLs begins with it."""

    ocpi_http_listen: str = "127.0.0.1:9003"
    """Host and port of /healthz, /readyz and /metrics. Port 0: any free one."""

    ocpi_database: str = "sqlite+aiosqlite:///.citrine/ocpi.db"
    """SQLAlchemy URL of the adapter's own database: sqlite+aiosqlite, or postgresql+asyncpg, which several adapters can
    share. It is brought to the newest schema at the start."""

    ocpi_encryption_key_file: Path = Path(".citrine/ocpi.keys")
    """File with the keys that encrypt the tokens of partners in the database; `citrine ocpi rotate-key` adds one. It is
    made where there is none. Adapters that share a database need the same file."""

    core: str = "127.0.0.1:50051"
    """Addresses of the cores: host:port, several separated by commas, or a name with several addresses."""

    core_ca_file: Path | None = None
    """Authorities that the cores' certificates are verified against, PEM. Unset: calls to cores have no TLS."""

    ocpi_key_file: Path = Path(".citrine/operator.key")
    """File with the API key by which the adapter calls the core."""

    ocpi_tenant: str = ""
    """Tenant whose stations roam. Empty: that of the key. Each tenant has an adapter of its own."""

    ocpi_allow_insecure_partners: bool = False
    """Whether partners may be reached by http, and at private and loopback addresses: for tests, and for partners in a
    network of one's own."""

    ocpi_request_timeout: Duration = timedelta(seconds=20)
    """How long a partner may take to answer."""

    ocpi_max_request_bytes: int = Field(default=1024 * 1024, ge=1024)
    """Largest body of a request of a partner, and four times as much of a partner's answer."""

    ocpi_page_size: int = Field(default=100, ge=1, le=1000)
    """Objects on a page of a list at most, which partners read as X-Limit."""

    ocpi_delivery_retention: Duration = timedelta(days=7)
    """How long something is tried to be delivered to a partner who can't be reached, until it is a dead letter. CDRs,
    locations and tariffs are tried until the partner has them."""

    ocpi_dead_letter_retention: DurationOrNone = timedelta(days=90)
    """How long dead letters are retained, which name drivers, and the list of what is left out. "none": dead letters
    until they are removed or resent, of what is left out the latest 1000. Dead letters of CDRs are, in any case."""

    ocpi_object_retention: DurationOrNone = timedelta(days=3653)
    """How long sessions and CDRs are retained after their last change, which name drivers. "none": for ever. The
    default is ten years, as long as the core retains what is billed."""

    ocpi_token_pull_interval: Duration = timedelta(hours=1)
    """How often partners are asked which of their tokens changed. 0: only once they registered."""

    ocpi_authorizer_listen: str = ""
    """Host and port at which cores ask about tokens, which their owners decide on (real-time authorization):
    `citrine authorization authorizer HOST:PORT`. Empty: nobody is asked."""

    ocpi_authorizer_credential_file: Path | None = None
    """File with the credential that cores present there. Unset: they need none."""

    ocpi_authorizer_certificate_file: Path | None = None
    """Certificate of that port, PEM. Unset: no TLS."""

    ocpi_authorizer_certificate_key_file: Path | None = None
    """Its key, PEM."""

    ocpi_ask_about_unknown_tokens: bool = True
    """Whether partners are asked about tokens that the core does not know: not all of them say which ones they have."""

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    ready_file: Path | None = None
    """File that is written once the adapter listens: JSON with its addresses and process id. Unset: none."""

    @field_validator("ocpi_listen", "ocpi_http_listen", "ocpi_authorizer_listen")
    @classmethod
    def _is_address(cls, address: str, info: ValidationInfo) -> str:
        if not address and info.field_name == "ocpi_authorizer_listen":
            return address
        try:
            split_address(address)
        except InvalidSetting as error:
            raise ValueError(str(error)) from None
        return address

    @field_validator("ocpi_public_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError(f"{url!r} is not https:// and a host")
        return url.rstrip("/")

    @field_validator("ocpi_database")
    @classmethod
    def _is_supported(cls, url: str) -> str:
        if not url.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
            raise ValueError("the database must be a URL of sqlite+aiosqlite or postgresql+asyncpg")
        return url

    def public_url(self, address: str) -> str:
        """Return the URL at which partners reach the adapter.

        Args:
            address: Where it listens, with its port.
        """
        return self.ocpi_public_url or f"http://{address}"


def own_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what variables say of the adapter's settings, for commands that read no flags of them."""
    return settings.from_environment(OcpiSettings.model_fields, environment)


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> OcpiSettings:
    """Return the settings of an adapter.

    Raises:
        InvalidSetting: When one is unknown or invalid.
    """
    known = {PREFIX + name.upper() for name in OcpiSettings.model_fields}
    for variable in environment:
        if variable.upper().startswith(_OWN_PREFIX) and variable.upper() not in known:
            raise InvalidSetting(f"unknown setting {variable}")
    return settings.read_settings(
        OcpiSettings,
        "citrine ocpi serve",
        "Serves partners of roaming (eMSPs and hubs) by OCPI 2.2.1 and 2.3.0, and calls them.",
        arguments,
        environment,
    )
