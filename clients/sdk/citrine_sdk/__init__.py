"""Python SDK of Citrine: a channel to the core with a key, typed stubs, and events that survive reconnects.

    async with Citrine("127.0.0.1:50051", key=key) as citrine:
        async for page in citrine.pages(citrine.stations.ListStations, ListStationsRequest()):
            for station in page.stations:
                ...

The messages are those of the contract (`citrine.api.v1`, `citrine.events.v1`, `citrine.ocpp.v2`).
"""

from citrine_sdk.client import Citrine
from citrine_sdk.errors import error_reason, field_violations
from citrine_sdk.events import Backoff, follow_events
from citrine_sdk.lists import pages
from citrine_sdk.reports import follow_report
from citrine_sdk.services import READS, SERVICES, Method, methods

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
    "pages",
]
