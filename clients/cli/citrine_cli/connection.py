"""Which core a command calls, and as whom."""

from dataclasses import dataclass
from pathlib import Path

from citrine_cli.errors import CliError, UsageError

__all__ = ["DEFAULT_CORE", "DEFAULT_KEY_FILE", "Connection"]

DEFAULT_CORE = "127.0.0.1:50051"
DEFAULT_KEY_FILE = Path(".citrine/operator.key")
"""Where `citrine up` leaves the operator's key."""


@dataclass(frozen=True)
class Connection:
    """Which core to call, as whom."""

    core: str | None = None
    """HOST:PORT, or a comma-separated list of them."""
    key: str | None = None
    """API key."""
    key_file: Path | None = None
    """File with the API key; `key` goes first."""
    tenant: str | None = None
    """Tenant that an operator's key acts on."""
    as_json: bool = False
    """Print JSON."""
    no_color: bool = False
    """Print no colours."""

    def cores(self) -> str:
        """Return where the cores are."""
        return self.core or DEFAULT_CORE

    def secret(self) -> str | None:
        """Return the API key to send, or None where there is none to be found.

        Raises:
            UsageError: When the key that was given is empty: the key file may be another's, and allow more.
            CliError: When a file that was named can't be read.
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
