"""Settings of a core process, by variable and flag."""

import ast
import difflib
import inspect
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from citrine_core.flags import FlagParser

__all__ = ["CoreSettings", "InvalidSetting", "descriptions", "from_environment", "read_settings", "split_address"]

PREFIX = "CITRINE_"

_OF_OTHERS = ("CITRINE_EDGE_", "CITRINE_OCPP_")
"""Variables with these prefixes are the edge's."""

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SPAN = re.compile(f"(?:{_PART.pattern})+")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _duration(value: object) -> object:
    # "5m", or a number of seconds, is what people write; pydantic takes only ISO 8601 and HH:MM:SS as text.
    if isinstance(value, str):
        if _SPAN.fullmatch(value):
            return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _duration_or_none(value: object) -> object:
    return None if isinstance(value, str) and value.lower() == "none" else _duration(value)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A time span: "90s", "5m", "1d12h", seconds, HH:MM:SS, or as ISO 8601 says ("PT5M", "P7D")."""

DurationOrNone = Annotated[timedelta | None, BeforeValidator(_duration_or_none)]
"""The same, or "none"."""


class InvalidSetting(Exception):
    """A setting that is not known or has no meaning; its text is one line that names it."""


class CoreSettings(BaseModel):
    """Settings by flag (--grpc-listen) and variable (CITRINE_GRPC_LISTEN)."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

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
    """Where to leave an operator key, mode 0600, if there is none or it is not valid any more.

    The one before is revoked. It is valid as long as a core runs that has the file, and 7 days more.
    """

    heartbeat_interval: Duration = timedelta(minutes=5)
    """What BootNotificationResponse tells a station to wait between heartbeats."""

    pending_interval: Duration = timedelta(minutes=1)
    """What a pending or rejected station waits before its next BootNotification."""

    default_timeout: Duration = timedelta(seconds=30)
    """How long a station may take to answer a command, where the caller does not say."""

    charging_plans: Literal["core", "clients"] = "core"
    """Who plans the schedules of vehicles that say what they need (ISO 15118): the core, or clients, by events."""

    blocks: str = ""
    """Functional blocks to serve to stations, separated by commas. Empty: all."""

    lanes: int = Field(default=0, ge=0, le=64)
    """Database transactions for stations at a time. 0: 1 with SQLite, 2 with PostgreSQL."""

    drain_time: Duration = timedelta(seconds=10)
    """How long a stopping core finishes what is under way."""

    event_retention: Duration = timedelta(days=7)
    """How long events can be resumed from."""

    meter_value_retention: DurationOrNone = Field(default=None, gt=timedelta(0), le=timedelta(days=36525))
    """How long meter values are retained, by the time that the station gave them. "none": for ever.

    What is older is removed within hours: on PostgreSQL by the month, once all of it is older. Transactions keep their
    energy and their events.
    """

    command_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long commands are retained after their end. "none": for ever."""

    evse_power_kw: float | None = Field(default=None, gt=0, le=10_000)
    """What an EVSE can give whose device model does not say. Unset: no more than a megawatt is believed.

    A register that rises faster is not billed until a later reading or an operator confirms it.
    """

    inventory_delay: Duration = Field(default=timedelta(seconds=30), ge=timedelta(0))
    """How long a station that is new, or booted with other firmware, has until it is asked for its inventory."""

    report_timeout: Duration = Field(default=timedelta(minutes=10), gt=timedelta(0))
    """How long the next part of a report is waited for, before it counts as expired."""

    report_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long reports and their parts are retained after the last part. "none": for ever. What they reported stays."""

    refusal_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long the record of what was refused of stations' messages, and of stations that were not let in, is retained
    after the last of its kind. "none": for ever."""

    custom_data_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long messages with custom data are retained that their block does not store whole. "none": for ever."""

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

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    def credential(self) -> str | None:
        """Return the credential of the edge link, None where there is none.

        Raises:
            InvalidSetting: When its file can't be read.
        """
        if self.edge_credential_file is not None:
            try:
                return self.edge_credential_file.read_text().strip() or None
            except OSError as error:
                raise InvalidSetting(f"edge_credential_file: {error.strerror}") from error
        return (self.edge_credential.get_secret_value() or None) if self.edge_credential else None

    @property
    def served_blocks(self) -> frozenset[str]:
        """Names of the blocks to serve to stations. Empty: all."""
        return frozenset(name.strip() for name in self.blocks.split(",") if name.strip())


def descriptions() -> dict[str, str]:
    """Return what stands below each setting. It is read from the source, since nobody but --help needs it."""
    (definition,) = ast.parse(inspect.getsource(CoreSettings)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        setting.target.id: inspect.cleandoc(text.value.value)
        for setting, text in itertools.pairwise(definition.body)
        if isinstance(setting, ast.AnnAssign)
        and isinstance(setting.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the settings that variables give, by name. A variable may be written in small letters, too."""
    given = ((variable.upper(), value) for variable, value in environment.items())
    named = ((variable.removeprefix(PREFIX).lower(), value) for variable, value in given if variable.startswith(PREFIX))
    return {name: value for name, value in named if name in CoreSettings.model_fields}


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> CoreSettings:
    """Return the settings from flags and variables; a flag wins.

    Raises:
        InvalidSetting: When one is unknown or invalid.
    """
    for variable in environment:
        _check_variable(variable.upper())
    parser = FlagParser("citrine core", "Run a core: the process that decides and stores.", InvalidSetting)
    said = descriptions() if {"-h", "--help"} & set(arguments) else {}
    parser.add_settings(CoreSettings.model_fields, said, {"core_http_listen": ["--http-listen"]})
    try:
        return CoreSettings.model_validate({**from_environment(environment), **vars(parser.parse_args(arguments))})
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSetting(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


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


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port`` or ``[host]:port``.

    Raises:
        InvalidSetting: When it is neither.
    """
    host, separator, port = address.strip().rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InvalidSetting(f"{address!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)
