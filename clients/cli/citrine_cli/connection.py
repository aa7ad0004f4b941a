"""The core that a command calls, and its API key and tenant."""

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
    tenant: str | None = None
    """Tenant that an operator's key acts on."""
    as_json: bool = False
    """Whether to print JSON."""
    no_color: bool = False
    """Whether to print no colours."""

    def cores(self) -> str:
        """Return the addresses of the cores."""
        return self.core or DEFAULT_CORE

    def secret(self) -> str | None:
        """Return the API key to send, or None if there is none.

        Raises:
            UsageError: When the given key is empty. The key file is not used then, because its key may allow more.
            CliError: When the given key file can't be read.
        """
        if self.key is not None:
            if not self.key.strip():
                raise UsageError("the API key that --key or CITRINE_KEY gives is empty")
            return self.key
        path = self.key_file or DEFAULT_KEY_FILE
        try:
            return path.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            if self.key_file is None:
                return None
            raise CliError(f"key file {path} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"key file {path} can't be read: {getattr(error, 'strerror', None) or error}") from error
