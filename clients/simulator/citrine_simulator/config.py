"""The configuration of one simulated station."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["StationConfig", "Version", "connection_url", "default_tenant", "too_long_for"]

Version = Literal["1.6", "2.0.1", "2.1"]
"""OCPP versions that stations speak."""

MOST_CHARACTERS_16 = 20
"""Most characters of a token in OCPP 1.6."""

Positive = Annotated[float, Field(gt=0)]


TENANT = "CITRINE_TENANT"
"""Environment variable of the tenant, as for the other commands."""


def default_tenant() -> str | None:
    """Return the tenant of stations for which none is given; None: none in their URL."""
    return os.environ.get(TENANT) or None


class StationConfig(BaseModel):
    """One station: its identity, its equipment and its behaviour.

    Configuration variables of OCPP are in ``variables``, so that a CSMS can read and change them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    station_id: Annotated[str, Field(min_length=1, max_length=48)]
    url: str = "ws://127.0.0.1:9000"
    """OCPP-J endpoint; tenant and station id are appended to it."""
    tenant: str | None = None
    """Unset: the default tenant's URL."""
    password: str | None = None
    """Basic authentication with the station id as user; unset: none."""
    version: Version = "2.0.1"
    ca_file: Path | None = None
    """For wss: authorities that may issue the CSMS's certificate; unset: the system's."""
    certificate_file: Path | None = None
    """For wss: the station's own certificate (security profile 3); unset: none."""
    key_file: Path | None = None
    """The private key of the station's certificate."""
    order_url: str | None = None
    """For security profile 3 without certificate_file: endpoint of security profile 2, at which the station orders its
    certificate with its password, once (A02). Then it connects to ``url``."""
    compression: bool = False
    """Whether permessage-deflate is offered."""

    model: Annotated[str, Field(max_length=20)] = "Simulated 22"
    vendor: Annotated[str, Field(max_length=50)] = "Citrine"
    serial_number: Annotated[str, Field(max_length=25)] = "0000001"
    firmware_version: Annotated[str, Field(max_length=50)] = "1.0.0"
    evses: Annotated[int, Field(ge=1, le=16)] = 1
    connectors_per_evse: Annotated[int, Field(ge=1, le=4)] = 1
    variables: Mapping[str, str] = {}
    """Initial values of variables that differ from the defaults, by ``Component.Variable[Instance]``."""
    extra_variables: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Number of additional variables in the device model, to make its report long."""
    report_part_size: Annotated[int, Field(ge=1)] = 50
    """Most variables in one NotifyReport."""
    data_transfer_vendors: frozenset[str] = frozenset()
    """Vendors whose DataTransfer is accepted and whose data are echoed."""

    retry_message_id: Literal["new", "same"] = "new"
    """Message id of a resent message: 2.0.1 requires a new one, 2.1 allows the same (part 4, 4.1.4)."""
    count_closed_socket: bool = True
    """Whether an attempt counts if the socket closed between the message and its answer."""
    boot_on_start: bool = True
    """Whether it boots at its first connection; otherwise it starts as accepted earlier."""
    boot_on_reconnect: bool = False
    """Whether it sends a BootNotification on every new connection, as some firmware does."""
    boot_retry_interval: Positive = 30
    """Seconds until the next BootNotification, if the CSMS gives no interval (B02.FR.07)."""
    reboot_duration: Annotated[float, Field(ge=0)] = 2
    """Seconds between power-off and the first connection of a reboot."""
    set_clock: bool = True
    """Whether it sets its clock by the currentTime of the CSMS."""
    after_power_loss: Literal["end", "resume", "forget"] = "end"
    """What the station does with open transactions after a power loss."""
    check_schemas: bool = True
    """Whether CALLs of the CSMS are checked against the official schemas. Its answers always are."""

    auto_meter: bool = True
    """Whether transactions send samples periodically."""
    auto_plug_in: bool = True
    """Whether an EV plugs in after a remote start, and unplugs after UnlockConnector."""
    valid_tokens: frozenset[str] = frozenset()
    """Tokens that are accepted while offline."""
    speed: Positive = 1
    """Factor by which EVs charge faster, and are sampled more often, than real ones."""
    power: Positive = 11_000
    """Power that an EV draws below 80 % state of charge, in W."""
    battery: Positive = 60_000
    """Capacity of an EV's battery, in Wh."""
    meter_start: Annotated[float, Field(ge=0)] = 0
    """Initial register of a new meter, in Wh."""


def connection_url(url: str, tenant: str | None, station_id: str) -> str:
    """Return the endpoint with tenant and station id appended, percent-encoded (part 4, 3.1.1)."""
    parts = [url.rstrip("/"), *(quote(part, safe="") for part in (tenant, station_id) if part is not None)]
    return "/".join(parts)


def too_long_for(versions: Collection[str], tokens: Iterable[str]) -> str | None:
    """Return the first token that stations of one of these versions can't present; None: they can present all."""
    if "1.6" not in versions:
        return None
    return next((token for token in tokens if len(token) > MOST_CHARACTERS_16), None)
