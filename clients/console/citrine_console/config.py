"""Settings of the console, by variable and flag."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from citrine_process import settings
from citrine_process.addresses import is_loopback, split_address
from citrine_process.settings import PREFIX, Duration, InvalidSetting

__all__ = ["ConsoleSettings", "read_settings"]

_OWN_PREFIX = "CITRINE_CONSOLE_"
"""Variables with this prefix are the console's: one that it does not know is a mistake."""


class ConsoleSettings(BaseModel):
    """Settings by flag (--console-listen) and variable (CITRINE_CONSOLE_LISTEN); a flag wins."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    console_listen: str = "127.0.0.1:8080"
    """Host and port for browsers. Port 0: any free one. There is no TLS here: beyond this machine, put a proxy with TLS
    in front, and set console_public_url."""

    console_public_url: str = ""
    """URL at which browsers reach the console, as https://console.example.com, where it is not http:// and the address
    that it listens on. With https, cookies are sent by TLS alone. Requests that come from pages of other origins are
    refused, so a console behind a proxy needs it."""

    core: str = "127.0.0.1:50051"
    """Addresses of the cores: host:port, several separated by commas, or a name with several addresses."""

    core_ca_file: Path | None = None
    """Authorities that the cores' certificates are verified against, PEM. Unset: calls to cores have no TLS."""

    console_session_lifetime: Duration = timedelta(hours=12)
    """How long somebody stays logged in. After as long again without a request, too, and once the console restarts."""

    console_login_file: Path | None = None
    """File with a log-in for `citrine up`: JSON with `secret`, `key` and `tenant`. Who opens /login/link?secret=… on
    this machine is logged in with that key. Unset: there is none."""

    console_oidc_issuer: str = ""
    """URL of an OpenID Connect provider by which people log in, as its tokens name it (iss): the one that the cores
    accept tokens of (oidc_issuer). Empty: people log in by API keys alone."""

    console_oidc_client_id: str = ""
    """What the console is called at the provider, where its callback is console_public_url and /login/oidc/callback."""

    console_oidc_client_secret_file: Path | None = None
    """File with the secret of that client. Unset: it is a public one, which proves itself by PKCE alone."""

    console_oidc_scope: str = "openid profile offline_access"
    """Scopes that the provider is asked for, divided by blanks. With offline_access most give a refresh token, without
    which people are logged out when their access token ends."""

    console_tiles_url: str = ""
    """Where map tiles come from, as https://tiles.example.com/{z}/{x}/{y}.png: browsers fetch them there. Empty: maps
    show coordinates alone."""

    console_tiles_attribution: str = ""
    """What maps say of where their tiles come from, as their licence wants it."""

    console_max_sessions: int = Field(default=10_000, ge=1)
    """How many people may be logged in at a time. For one more, who has been idle longest is logged out."""

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    ready_file: Path | None = None
    """File that is written once the console listens: JSON with its address and process id. Unset: none."""

    @field_validator("console_listen")
    @classmethod
    def _is_address(cls, address: str) -> str:
        try:
            split_address(address)
        except InvalidSetting as error:
            raise ValueError(str(error)) from None
        return address

    @field_validator("console_public_url")
    @classmethod
    def _is_origin(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
            raise ValueError(f"{url!r} is not https:// and a host")
        return url.rstrip("/")

    @field_validator("console_tiles_url")
    @classmethod
    def _has_places(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in ("http", "https") or not all(x in url for x in ("{z}", "{x}", "{y}"))):
            raise ValueError(f"{url!r} is not a URL with {{z}}, {{x}} and {{y}}")
        return url

    @field_validator("console_oidc_issuer")
    @classmethod
    def _is_secure(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError(f"{url!r} is not https")
        return url

    @model_validator(mode="after")
    def _has_client(self) -> Self:
        if self.console_oidc_issuer and not (self.console_oidc_client_id and self.console_public_url):
            raise ValueError("console_oidc_issuer needs console_oidc_client_id and console_public_url")
        return self

    def console_oidc_client_secret(self) -> str | None:
        """Return the secret of the client at the provider, as its file has it now. None: it is a public client."""
        file = self.console_oidc_client_secret_file
        return None if file is None else file.read_text(encoding="utf-8").strip()

    @property
    def tiles_origin(self) -> str:
        """Origin of the map tiles, for the Content-Security-Policy. Empty: there are none."""
        parts = urlsplit(self.console_tiles_url)
        return f"{parts.scheme}://{parts.netloc}" if self.console_tiles_url else ""


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> ConsoleSettings:
    """Return the settings of a console.

    Raises:
        InvalidSetting: When one is unknown or invalid.
    """
    known = {PREFIX + name.upper() for name in ConsoleSettings.model_fields}
    for variable in environment:
        if variable.upper().startswith(_OWN_PREFIX) and variable.upper() not in known:
            raise InvalidSetting(f"unknown setting {variable}")
    return settings.read_settings(
        ConsoleSettings,
        "citrine console",
        "Serves the web console: stations, transactions and all else, live, for browsers.",
        arguments,
        environment,
    )
