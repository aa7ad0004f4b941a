"""Settings of a core process."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["CoreSettings"]


class CoreSettings(BaseSettings):
    """Settings by flag (--grpc-listen) and variable (CITRINE_GRPC_LISTEN)."""

    model_config = SettingsConfigDict(env_prefix="CITRINE_", frozen=True, extra="forbid")

    database: str = "sqlite+aiosqlite:///citrine.db"
    """SQLAlchemy URL with an asyncio driver: sqlite+aiosqlite or postgresql+asyncpg."""

    grpc_listen: str = "127.0.0.1:50051"
    """Host and port of the gRPC server, for clients and edges alike. Port 0: any free one."""

    core_http_listen: str = "127.0.0.1:9002"
    """Host and port of /healthz, /readyz and /metrics."""

    ready_file: Path | None = None
    """Written when everything listens: JSON with the addresses and the pid."""

    edge_credential: SecretStr | None = None
    """What edges must know to open a link. Unset, and no file either: no edge is let in."""

    edge_credential_file: Path | None = None
    """File that holds edge_credential."""

    operator_key_file: Path | None = None
    """Where to leave an operator key, mode 0600, if there is none or it is not valid any more."""

    heartbeat_interval: timedelta = timedelta(minutes=5)
    """What BootNotificationResponse tells a station to wait between heartbeats."""

    pending_interval: timedelta = timedelta(minutes=1)
    """What a pending or rejected station waits before its next BootNotification."""

    default_timeout: timedelta = timedelta(seconds=30)
    """How long a station may take to answer a command, where the caller does not say."""

    blocks: tuple[str, ...] = ()
    """Functional blocks to serve to stations. Empty: all."""

    lanes: int = Field(default=0, ge=0, le=64)
    """Database transactions for stations at a time. 0: 1 with SQLite, 2 with PostgreSQL."""

    drain_time: timedelta = timedelta(seconds=10)
    """How long a stopping core finishes what is under way."""

    event_retention: timedelta = timedelta(days=7)
    """How long events can be resumed from."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
