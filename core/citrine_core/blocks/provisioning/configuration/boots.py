"""How a boot is answered, by the policy of the station and by how far it is with its configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1.stations_pb2 import BootPolicy
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_core.blocks.provisioning.configuration.contents import content_of, digest_of, key_of_data
from citrine_core.blocks.provisioning.configuration.steps import Steps
from citrine_core.db import UnitOfWork
from citrine_core.resources.configurations import (
    Choices,
    Configuration,
    ConfigurationRepository,
    Provisioning,
    ProvisioningRepository,
)
from citrine_core.resources.connections import ConnectionRepository
from citrine_core.resources.locations.queries import NOWHERE, Place

__all__ = ["Boot", "Registration", "Status", "registrations_at_boot"]

Status: TypeAlias = ocpp.RegistrationStatusEnum.ValueType

_BY_POLICY: Mapping[int, Status] = {
    BootPolicy.BOOT_POLICY_UNSPECIFIED: ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootPolicy.BOOT_POLICY_ACCEPTED: ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED,
    BootPolicy.BOOT_POLICY_PENDING: ocpp.REGISTRATION_STATUS_ENUM_PENDING,
    BootPolicy.BOOT_POLICY_REJECTED: ocpp.REGISTRATION_STATUS_ENUM_REJECTED,
    # Where it has no configuration.
    BootPolicy.BOOT_POLICY_CONFIGURED: ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED,
}

_HEARTBEAT_INTERVAL = key_of_data(
    ocpp.SetVariableData(component=Component(name="OCPPCommCtrlr"), variable=Variable(name="HeartbeatInterval"))
)

_LONGEST_INTERVAL = 2**31 - 1
"""Seconds that fit into the answer."""


@dataclass(frozen=True, slots=True)
class Boot:
    """What decides on the answer to a BootNotification."""

    station_id: str
    policy: int
    """citrine.api.v1.BootPolicy"""
    configuration_id: str | None
    """The configuration that the station names itself."""
    hardware: ocpp.ChargingStation
    restarted: bool
    """Whether the station restarted. One that was asked for the message did not."""
    has_provisioning: bool
    """Whether there is progress of the station with a configuration."""
    has_selectors: bool
    """Whether the tenant has configurations that are chosen by selectors."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a station is told at its boot."""

    status: Status
    heartbeat_interval: int | None
    """Seconds that its configuration says. It takes those of the answer in their place (G02.FR.01)."""


async def registrations_at_boot(
    work: UnitOfWork, tenant_id: str, boots: Sequence[Boot], now: datetime, wake: Callable[[], None]
) -> Mapping[str, Registration]:
    """Return what stations of a tenant are told at their boot, and take those with a configuration a step on.

    Their next steps are woken by `wake`, as a station that is back may be sent to again. Takes no statement where
    none of them is at a step or may have a configuration.
    """
    provisionings = ProvisioningRepository(work.session)
    begun = {boot.station_id for boot in boots if boot.has_provisioning}
    rows = await provisionings.find_for_update(tenant_id, begun) if begun else {}
    back = await _reconnected(work, tenant_id, rows)
    repository = ConfigurationRepository(work.session)
    has_selectors = any(boot.has_selectors for boot in boots)
    choices = await repository.choices(tenant_id) if has_selectors else Choices(())
    unnamed = [boot.station_id for boot in boots if not boot.configuration_id]
    places = await repository.places(tenant_id, choices, unnamed)
    chosen = {boot.station_id: _choose(choices, boot, places) for boot in boots}
    configurations = await repository.find_all(tenant_id, {each for each in chosen.values() if each})
    contents = {name: content_of(configuration) for name, configuration in configurations.items()}
    statuses: dict[str, Status] = {}
    for boot in boots:
        row = rows.get(boot.station_id)
        configuration = configurations.get(chosen[boot.station_id] or "")
        if boot.policy == BootPolicy.BOOT_POLICY_CONFIGURED and configuration is not None:
            if row is None:
                row = Provisioning(tenant_id=tenant_id, station_id=boot.station_id, digest="", state=0)
                rows[boot.station_id] = row
                provisionings.add(row)
            steps = Steps(work, row, now)
            statuses[boot.station_id] = _configured(steps, row, boot, configuration, boot.station_id in back)
        else:
            statuses[boot.station_id] = _BY_POLICY[boot.policy]
            if row is not None and not row.configuration_id:
                # It was only asked to boot, and has.
                await provisionings.remove(row)
            elif row is not None:
                _went_on(Steps(work, row, now), row, boot, boot.station_id in back)
    if rows:
        work.after_commit(wake)
    return {
        boot.station_id: Registration(
            statuses[boot.station_id], _heartbeat_interval(contents.get(chosen[boot.station_id] or ""))
        )
        for boot in boots
    }


def _heartbeat_interval(content: pb.Configuration | None) -> int | None:
    wanted = None
    for data in content.variables if content is not None else ():
        if key_of_data(data) == _HEARTBEAT_INTERVAL and data.attribute_value.isdecimal():
            wanted = int(data.attribute_value)
    return wanted if wanted and wanted <= _LONGEST_INTERVAL else None


async def _reconnected(work: UnitOfWork, tenant_id: str, rows: Mapping[str, Provisioning]) -> set[str]:
    """Return the stations that were reset and came back by another websocket since.

    Many that are Pending say PowerUp again whenever their interval is over, also just before they restart.
    """
    waiting = {
        station_id: row.update_time for station_id, row in rows.items() if row.state == pb.PROVISIONING_STATE_RESETTING
    }
    if not waiting:
        return set()
    connections = await ConnectionRepository(work.session).find_all(tenant_id, waiting)
    return {
        station_id
        for station_id, since in waiting.items()
        if station_id in connections and connections[station_id].admit_time > since
    }


def _choose(choices: Choices, boot: Boot, places: Mapping[str, Place]) -> str | None:
    place = places.get(boot.station_id, NOWHERE)
    return choices.choose(boot.configuration_id, boot.hardware.vendor_name, boot.hardware.model, place)


def _configured(steps: Steps, row: Provisioning, boot: Boot, configuration: Configuration, reconnected: bool) -> Status:
    """Return what a station is told that is accepted once it has its configuration."""
    content = content_of(configuration)
    digest = digest_of(configuration.configuration_id, content, boot.hardware.SerializeToString())
    if row.digest != digest or row.state == pb.PROVISIONING_STATE_FAILED:
        steps.begin(configuration.configuration_id, content, digest)
        return ocpp.REGISTRATION_STATUS_ENUM_PENDING
    _went_on(steps, row, boot, reconnected)
    if row.state in (pb.PROVISIONING_STATE_CHECKING, pb.PROVISIONING_STATE_DONE):
        return ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
    return ocpp.REGISTRATION_STATUS_ENUM_PENDING


def _went_on(steps: Steps, row: Provisioning, boot: Boot, reconnected: bool) -> None:
    """Take a station a step on that waited for its boot.

    What else was under way ends by itself, as lost or late.
    """
    if row.state == pb.PROVISIONING_STATE_BOOTING:
        steps.go(pb.PROVISIONING_STATE_DONE)
    elif row.state == pb.PROVISIONING_STATE_RESETTING and reconnected:
        if not steps.rebooted():
            steps.go(pb.PROVISIONING_STATE_DONE)
    elif row.state == pb.PROVISIONING_STATE_DONE and boot.restarted:
        steps.rebooted()
