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
    from citrine_sdk.backoff import Backoff
    from citrine_sdk.changes import follow_charge_records, follow_updates
    from citrine_sdk.client import Citrine
    from citrine_sdk.errors import error_reason, field_violations, is_conflict, missing_resource
    from citrine_sdk.events import event_position, follow_events
    from citrine_sdk.idempotency import idempotency_key
    from citrine_sdk.lists import pages
    from citrine_sdk.reports import follow_report
    from citrine_sdk.services import SERVICES, Method, methods
    from citrine_sdk.states import follow_operation, follow_states, wait_for_command
    from citrine_sdk.stubs import READS

__all__ = [
    "READS",
    "SERVICES",
    "Backoff",
    "Citrine",
    "Method",
    "error_reason",
    "event_position",
    "field_violations",
    "follow_charge_records",
    "follow_events",
    "follow_operation",
    "follow_report",
    "follow_states",
    "follow_updates",
    "idempotency_key",
    "is_conflict",
    "methods",
    "missing_resource",
    "pages",
    "wait_for_command",
]

_MODULES = {
    "READS": "stubs",
    "SERVICES": "services",
    "Backoff": "backoff",
    "Citrine": "client",
    "Method": "services",
    "error_reason": "errors",
    "event_position": "events",
    "field_violations": "errors",
    "follow_charge_records": "changes",
    "follow_events": "events",
    "follow_operation": "states",
    "follow_report": "reports",
    "follow_states": "states",
    "follow_updates": "changes",
    "idempotency_key": "idempotency",
    "is_conflict": "errors",
    "methods": "services",
    "missing_resource": "errors",
    "pages": "lists",
    "wait_for_command": "states",
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
