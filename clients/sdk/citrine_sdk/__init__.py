"""Python SDK of Citrine: a channel to the core with a key, typed stubs, and events that survive reconnects.

    async with Citrine("127.0.0.1:50051", key=key) as citrine:
        async for page in citrine.pages(citrine.stations.ListStations, ListStationsRequest()):
            for station in page.stations:
                ...

The messages are those of the contract (`citrine.api.v1`, `citrine.events.v1`, `citrine.ocpp.v2`).
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from citrine_sdk.client import Citrine
    from citrine_sdk.errors import error_reason, field_violations, missing_resource
    from citrine_sdk.events import Backoff, follow_events
    from citrine_sdk.lists import pages
    from citrine_sdk.reports import follow_report
    from citrine_sdk.services import SERVICES, Method, methods
    from citrine_sdk.stubs import READS

__all__ = [
    "READS",
    "SERVICES",
    "Backoff",
    "Citrine",
    "Method",
    "error_reason",
    "field_violations",
    "follow_events",
    "follow_report",
    "methods",
    "missing_resource",
    "pages",
]

_MODULES = {
    "READS": "stubs",
    "SERVICES": "services",
    "Backoff": "events",
    "Citrine": "client",
    "Method": "services",
    "error_reason": "errors",
    "field_violations": "errors",
    "follow_events": "events",
    "follow_report": "reports",
    "methods": "services",
    "missing_resource": "errors",
    "pages": "lists",
}
"""Module of each public name. A module is imported at the first use of one of its names, to start programs fast."""

# Hidden from type checkers, so that they report unknown names.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = found
        return found
