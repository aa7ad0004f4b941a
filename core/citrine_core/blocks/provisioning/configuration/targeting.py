"""Stations and their configurations: which one has which, applied to many, compared with what they have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from citrine.api.v1 import configurations_pb2 as pb
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_core.blocks.provisioning.configuration.contents import content_of, digest_of, results_of
from citrine_core.blocks.provisioning.configuration.drift import drift_of, has_drifted
from citrine_core.blocks.provisioning.configuration.repository import ActualRepository
from citrine_core.blocks.provisioning.configuration.steps import first_step
from citrine_core.db import UnitOfWork
from citrine_core.resources.configurations import (
    Choices,
    Configuration,
    ConfigurationRepository,
    ProvisioningRepository,
)
from citrine_core.resources.locations.queries import NOWHERE, Place
from citrine_core.resources.stations.models import Station

__all__ = ["apply_to", "configurations_of", "drift_reports"]


async def configurations_of(
    work: UnitOfWork, tenant_id: str, stations: Sequence[Station]
) -> list[tuple[Station, Configuration]]:
    """Return the stations that have a configuration, each with it."""
    repository = ConfigurationRepository(work.session)
    choices = await repository.choices(tenant_id)
    unnamed = [station.station_id for station in stations if not station.configuration_id]
    places = await repository.places(tenant_id, choices, unnamed)
    chosen = [(one, _choose(choices, one, places.get(one.station_id, NOWHERE))) for one in stations]
    found = await repository.find_all(tenant_id, {each for _, each in chosen if each is not None})
    return [(station, found[each]) for station, each in chosen if each in found]


async def apply_to(
    work: UnitOfWork,
    tenant_id: str,
    pairs: Sequence[tuple[Station, Configuration]],
    request: pb.ApplyConfigurationRequest,
    now: datetime,
) -> None:
    """Let stations begin with their configurations, in one statement."""
    contents = {row.configuration_id: content_of(row) for _, row in pairs}
    rows: list[dict[str, Any]] = [
        {
            "tenant_id": tenant_id,
            "station_id": station.station_id,
            "configuration_id": row.configuration_id,
            "digest": digest_of(row.configuration_id, contents[row.configuration_id], station.hardware),
            "state": first_step(contents[row.configuration_id]),
            "next_time": now,
            "attempts": 0,
            "report_request_id": None,
            "may_reset": request.may_reset,
            "everything": request.everything,
            "problem": "",
            "results": b"",
            "start_time": now,
            "update_time": now,
            "finish_time": None,
        }
        for station, row in pairs
    ]
    # In one order everywhere, so that two cores never wait for each other's rows.
    rows.sort(key=lambda row: str(row["station_id"]))
    await ProvisioningRepository(work.session).put_all(rows)


async def drift_reports(
    work: UnitOfWork, tenant_id: str, pairs: Sequence[tuple[Station, Configuration]], *, drifted_only: bool
) -> list[pb.DriftReport]:
    """Return what stations have against what they should have, in three statements however many they are.

    Args:
        work: The transaction.
        tenant_id: Of the stations.
        pairs: Stations, each with its configuration.
        drifted_only: Leave out what is as it should be.
    """
    contents = {row.configuration_id: content_of(row) for _, row in pairs}
    ids = [station.station_id for station, _ in pairs]
    components = {data.component.name for content in contents.values() for data in content.variables}
    actual = await ActualRepository(work.session).find_all(tenant_id, ids, components)
    provisionings = await ProvisioningRepository(work.session).find_all(tenant_id, ids) if ids else {}
    reports = []
    for station, row in pairs:
        provisioning = provisionings.get(station.station_id)
        results = results_of(provisioning) if provisioning is not None else {}
        variables = contents[row.configuration_id].variables
        entries = drift_of(variables, actual.get(station.station_id, {}), results)
        drifted = any(has_drifted(entry) for entry in entries)
        if drifted_only and not drifted:
            continue
        report = pb.DriftReport(
            station_id=station.station_id,
            configuration_id=row.configuration_id,
            drifted=drifted,
            entries=[entry for entry in entries if has_drifted(entry) or not drifted_only],
        )
        if provisioning is not None and provisioning.configuration_id == row.configuration_id:
            report.state = pb.ProvisioningState.ValueType(provisioning.state)
        reports.append(report)
    return reports


def _choose(choices: Choices, station: Station, place: Place) -> str | None:
    hardware = ChargingStation.FromString(station.hardware or b"")
    return choices.choose(station.configuration_id, hardware.vendor_name, hardware.model, place)
