"""The newest events of some stations or kinds, which may be far back among those of a busy tenant."""

from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import ListEventsRequest
from citrine_sdk import Citrine

__all__ = ["newest_events"]

MOST_PAGES = 5
"""Pages that are read: the core passes over some thousand events of others on each."""


async def newest_events(citrine: Citrine, request: ListEventsRequest) -> tuple[list[Event], str]:
    """Return as many of the newest events as the page of a request has, and the token of those before; empty: none.

    There may be fewer, or none, where others happened that often meanwhile; then the token is not empty.
    """
    found: list[Event] = []
    asked = ListEventsRequest()
    asked.CopyFrom(request)
    for _page in range(MOST_PAGES):
        asked.page_size = request.page_size - len(found)
        answer = await citrine.events.ListEvents(asked)
        found += answer.events
        asked.page_token = answer.next_page_token
        if len(found) >= request.page_size or not answer.next_page_token:
            break
    return found, asked.page_token
