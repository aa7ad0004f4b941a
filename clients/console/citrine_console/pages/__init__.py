"""The pages of the console, and the actions of their buttons and forms."""

from collections.abc import Sequence

from citrine_console.live import Page
from citrine_console.pages import (
    audit,
    charge_records,
    commands,
    keys,
    locations,
    operations,
    overview,
    persons,
    station,
    station_connections,
    station_frames,
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
    station_connections,
    station_frames,
    commands,
    operations,
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
)

PAGES: Sequence[Page] = [page for module in _MODULES for page in module.PAGES]
ACTIONS: Sequence[Action] = [action for module in _MODULES for action in module.ACTIONS]
