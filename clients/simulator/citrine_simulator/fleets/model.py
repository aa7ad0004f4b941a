"""The schema of fleet files."""

import functools
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from citrine_simulator.config import Version, too_long_for
from citrine_simulator.fleets.behaviours import Behaviour, Charge, Day, Heartbeat, Idle
from citrine_simulator.fleets.faults import Fault, fault_classes
from citrine_simulator.fleets.values import Duration, IdPattern, Table, expand

__all__ = ["BEHAVIOURS", "CsmsTable", "FleetFile", "StationGroup"]

BEHAVIOURS: tuple[type[Behaviour], ...] = (Charge, Day, Heartbeat, Idle)

if TYPE_CHECKING:
    AnyBehaviour = Behaviour
    AnyFault = Fault
else:
    AnyBehaviour = Annotated[functools.reduce(operator.or_, BEHAVIOURS), Field(discriminator="kind")]
    AnyFault = Annotated[functools.reduce(operator.or_, fault_classes()), Field(discriminator="kind")]


class CsmsTable(Table):
    """The CSMS that the stations connect to."""

    url: str = Field(default="ws://127.0.0.1:9000", pattern=r"^wss?://[^\s]+$")
    """OCPP-J endpoint; tenant and station id are appended to it. `--url` overrides it."""
    tenant: str | None = None
    """Appended to the endpoint before the station id. `--tenant` overrides it."""
    ca_file: Path | None = None
    """For `wss`: PEM file with the authorities that may issue the CSMS's certificate; by default the system's.
    A relative path is relative to the fleet file."""


class StationGroup(Table):
    """Stations that differ only in their ids."""

    ids: IdPattern | list[IdPattern]
    """The stations: an id, a range such as `CS-{0001..0100}`, or a list of these."""
    version: Version = "2.0.1"
    """OCPP version."""
    password: str | None = None
    """Password for basic authentication; `{id}` in it is replaced by the station's id. `--password` overrides it."""
    passwords_file: Path | None = None
    """JSON object of passwords by station id; stations that it lacks have `password`. A relative path is relative to
    the fleet file. `--passwords-file` overrides it."""
    certificate_file: Path | None = None
    """For security profile 3: PEM file with the station's certificate; `{id}` in it is replaced by the station's id."""
    key_file: Path | None = None
    """PEM file with the certificate's private key; `{id}` in it is replaced by the station's id."""
    vendor: str = Field(default="Citrine", max_length=50)
    """vendorName in BootNotification."""
    model: str = Field(default="Simulated 22", max_length=20)
    """model in BootNotification."""
    firmware_version: str = Field(default="1.0.0", max_length=50)
    """firmwareVersion in BootNotification."""
    evses: int = Field(default=1, ge=1, le=16)
    """Number of EVSEs of each station."""
    connectors_per_evse: int = Field(default=1, ge=1, le=4)
    """Number of connectors of each EVSE; EVs use the first."""
    power: float = Field(default=11_000, gt=0)
    """Power that an EV draws, in W."""
    battery: float = Field(default=60_000, gt=0)
    """Capacity of an EV's battery, in Wh."""
    speed: float = Field(default=1, gt=0)
    """Factor by which EVs charge faster, and are sampled more often, than real ones; timestamps remain real."""
    tokens: list[str] = Field(default=["C0FFEE01"], min_length=1)
    """ISO 14443 tokens that are presented, in turn or at random; offline stations accept them."""
    variables: dict[str, str] = {}
    """Initial values of variables of the device model, by `Component.Variable[Instance]`."""
    start_over: Duration = 0
    """Time within which the stations are switched on, one after the other."""
    behaviour: AnyBehaviour = Idle(kind="idle")
    """The behaviour of EVs and people; see below."""
    faults: list[AnyFault] = []
    """The faults of the stations; see below."""

    @property
    def station_ids(self) -> list[str]:
        """The ids of the group's stations."""
        patterns = [self.ids] if isinstance(self.ids, str) else self.ids
        return [station_id for pattern in patterns for station_id in expand(pattern)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        too_long = next((one for one in self.station_ids if len(one) > 48), None)
        if too_long is not None:
            raise ValueError(f"ids: {too_long} has more than 48 characters")
        if (token := too_long_for([self.version], self.tokens)) is not None:
            raise ValueError(f"tokens: {token} has more than the 20 characters of an idTag (OCPP 1.6)")
        return self


class FleetFile(Table):
    """The content of a fleet file."""

    version: Literal[1]
    """Version of the file format: 1."""
    seed: int = 1
    """Seed of all randomness: the same seed yields the same choices."""
    csms: CsmsTable = CsmsTable()
    """The CSMS that the stations connect to."""
    stations: list[StationGroup] = Field(min_length=1)
    """Groups of stations, each a table `[[stations]]`."""

    @model_validator(mode="after")
    def _every_id_once(self) -> Self:
        seen: set[str] = set()
        for group in self.stations:
            for station_id in group.station_ids:
                if station_id in seen:
                    raise ValueError(f"stations: {station_id} is there twice")
                seen.add(station_id)
        return self
