"""What can be chosen about one simulated station."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["StationConfig", "connection_url"]

Positive = Annotated[float, Field(gt=0)]


class StationConfig(BaseModel):
    """One station: who it is, what it has, and how careful it is.

    What OCPP calls a configuration variable is not here but in ``variables``, so that a CSMS can read
    and change it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    station_id: Annotated[str, Field(min_length=1, max_length=48)]
    url: str = "ws://127.0.0.1:9000"
    """OCPP-J endpoint; tenant and station id are appended to it."""
    tenant: str | None = None
    """Unset: the default tenant's URL."""
    password: str | None = None
    """Basic authentication with the station id as user; unset: none."""
    version: Literal["2.0.1", "2.1"] = "2.0.1"
    ca_file: Path | None = None
    """For wss: authorities that the CSMS's certificate must come from; unset: the system's."""
    certificate_file: Path | None = None
    """For wss: the station's own certificate (security profile 3); unset: none."""
    key_file: Path | None = None
    """The private key of the station's certificate."""
    compression: bool = False
    """Whether permessage-deflate is offered."""

    model: Annotated[str, Field(max_length=20)] = "Simulated 22"
    vendor: Annotated[str, Field(max_length=50)] = "Citrine"
    serial_number: Annotated[str, Field(max_length=25)] = "0000001"
    firmware_version: Annotated[str, Field(max_length=50)] = "1.0.0"
    evses: Annotated[int, Field(ge=1, le=16)] = 1
    connectors_per_evse: Annotated[int, Field(ge=1, le=4)] = 1
    variables: Mapping[str, str] = {}
    """First values of variables that differ from the usual, by ``Component.Variable[Instance]``."""
    extra_variables: Annotated[int, Field(ge=0, le=10_000)] = 0
    """So many further variables are in the device model, to make its report long."""
    report_part_size: Annotated[int, Field(ge=1)] = 50
    """Variables in one NotifyReport."""
    data_transfer_vendors: frozenset[str] = frozenset()
    """Vendors whose DataTransfer is accepted and answered with the data that came."""

    retry_message_id: Literal["new", "same"] = "new"
    """Message id of a repeated message; 2.0.1 wants a new one, 2.1 allows the same (part 4, 4.1.4)."""
    count_closed_socket: bool = True
    """Whether an attempt counts where the socket closed between the message and its answer."""
    boot_on_start: bool = True
    """Whether it boots when it first connects; otherwise it begins as one that was accepted long ago."""
    boot_on_reconnect: bool = False
    """Whether every new connection begins with a BootNotification, as some firmware does."""
    boot_retry_interval: Positive = 30
    """Seconds before the next BootNotification where the CSMS named no interval (B02.FR.07)."""
    reboot_duration: Annotated[float, Field(ge=0)] = 2
    """Seconds between power off and the first connection of a reboot."""
    set_clock: bool = True
    """Whether the clock follows the time of day that the CSMS names; otherwise it goes as it goes."""
    after_power_loss: Literal["end", "resume", "forget"] = "end"
    """What becomes of transactions that were open when the power went."""
    check_schemas: bool = True
    """Whether the CSMS's CALLs are checked against the official schemas; its answers always are."""

    auto_meter: bool = True
    """Whether a charging transaction sends its samples by itself."""
    auto_plug_in: bool = True
    """Whether an EV is there as soon as the CSMS starts a transaction remotely, and gone when it unlocks the cable."""
    valid_tokens: frozenset[str] = frozenset()
    """Tokens in the local cache: accepted while offline."""
    speed: Positive = 1
    """EVs charge so many times faster than real ones, and are sampled as much more often."""
    power: Positive = 11_000
    """What an EV draws below 80 % state of charge, in W."""
    battery: Positive = 60_000
    """Capacity of an EV's battery, in Wh."""
    meter_start: Annotated[float, Field(ge=0)] = 0
    """Register of a meter that has never been used, in Wh."""


def connection_url(url: str, tenant: str | None, station_id: str) -> str:
    """Return the endpoint with tenant and station id appended, percent-encoded (part 4, 3.1.1)."""
    parts = [url.rstrip("/"), *(quote(part, safe="") for part in (tenant, station_id) if part is not None)]
    return "/".join(parts)
