"""The core that a command calls, and its credential and tenant."""

from dataclasses import dataclass
from pathlib import Path

from citrine_cli.errors import CliError, UsageError

__all__ = ["DEFAULT_CORE", "DEFAULT_KEY_FILE", "Connection"]

DEFAULT_CORE = "127.0.0.1:50051"
DEFAULT_KEY_FILE = Path(".citrine/operator.key")
"""File to which `citrine up` writes the operator's key."""


@dataclass(frozen=True)
class Connection:
    """The common options of a command."""

    core: str | None = None
    """HOST:PORT, or a comma-separated list of them."""
    key: str | None = None
    """API key."""
    key_file: Path | None = None
    """File with the API key; `key` takes precedence."""
    token: str | None = None
    """Token of an OpenID Connect provider, in place of a key."""
    token_file: Path | None = None
    """File with the token, read for each call."""
    tenant: str | None = None
    """Tenant that an operator's key acts on."""
    tls: bool = False
    """Whether to call the cores by TLS."""
    ca_file: Path | None = None
    """Authorities that the cores' certificates are verified against."""
    idempotency_key: str | None = None
    """Idempotency key of what the command changes."""
    as_json: bool = False
    """Whether to print JSON."""
    no_color: bool = False
    """Whether to print no colours."""

    def cores(self) -> str:
        """Return the addresses of the cores."""
        return self.core or DEFAULT_CORE

    def secret(self) -> str | None:
        """Return the API key or the token to send, or None if there is none.

        Raises:
            UsageError: When the given key or token is empty, or both are given. No file is used then, because its
                key may allow more.
            CliError: When the given file can't be read.
        """
        if self.key is not None and (self.token is not None or self.token_file is not None):
            raise UsageError("a key and a token are given, by options or variables: give one of them")
        if self.token is not None:
            if not self.token.strip():
                raise UsageError("the token that CITRINE_TOKEN gives is empty")
            return self.token.strip()
        if self.token_file is not None:
            return _read("token", self.token_file)
        if self.key is not None:
            if not self.key.strip():
                raise UsageError("the API key that --key or CITRINE_KEY gives is empty")
            return self.key
        path = self.key_file or DEFAULT_KEY_FILE
        return None if self.key_file is None and not path.exists() else _read("key", path)


def _read(kind: str, path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        raise CliError(f"{kind} file {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{kind} file {path} can't be read: {getattr(error, 'strerror', None) or error}") from error
