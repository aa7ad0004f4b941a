"""The pages of the console, and the actions of their buttons and forms."""

from collections.abc import Sequence

from citrine_console.live import Page
from citrine_console.pages import (
    alerts,
    audit,
    campaigns,
    capacities,
    charge_records,
    commands,
    configurations,
    display_messages,
    keys,
    locations,
    operations,
    overview,
    persons,
    refusals,
    reservations,
    security_events,
    station,
    station_certificates,
    station_charging,
    station_configuration,
    station_connections,
    station_firmware,
    station_frames,
    station_local_list,
    station_monitors,
    station_reports,
    station_variables,
    stations,
    tariffs,
    tenants,
    tokens,
    transaction,
    transactions,
)
from citrine_console.site import Action

__all__ = ["ACTIONS", "PAGES"]

_MODULES = (
    overview,
    stations,
    station,
    station_variables,
    station_configuration,
    station_monitors,
    station_charging,
    station_local_list,
    station_firmware,
    station_reports,
    display_messages,
    station_connections,
    station_frames,
    commands,
    operations,
    station_certificates,
    transactions,
    transaction,
    charge_records,
    tariffs,
    tokens,
    persons,
    locations,
    keys,
    audit,
    tenants,
    alerts,
    security_events,
    refusals,
    configurations,
    campaigns,
    capacities,
    reservations,
)

PAGES: Sequence[Page] = [page for module in _MODULES for page in module.PAGES]
ACTIONS: Sequence[Action] = [action for module in _MODULES for action in module.ACTIONS]
