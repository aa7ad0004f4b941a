"""The newest events of a quiet station are found among those of a busy tenant."""

import pytest

from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import ListEventsRequest, ListEventsResponse
from citrine_console.pages.newest_events import newest_events
from citrine_sdk import Citrine
from tests.clients.scripted_core import ScriptedCore


@pytest.mark.parametrize(
    ("pages", "found", "before"),
    [
        (["", "", "1,2", "3", "4"], ["1", "2", "3"], "4"),
        (["", "1"], ["1"], ""),
        ([""] * 9, [], "5"),
    ],
    ids=["as many as asked for", "all there are", "none among the newest"],
)
async def test_what_is_far_back_is_found_by_some_pages(
    core: ScriptedCore, pages: list[str], found: list[str], before: str
) -> None:
    def answer(request: ListEventsRequest, context: object) -> ListEventsResponse:
        number = int(request.page_token or 0)
        events = [Event(token=one) for one in pages[number].split(",") if one][: request.page_size]
        return ListEventsResponse(events=events, next_page_token=str(number + 1) if number + 1 < len(pages) else "")

    core.on("ListEvents", answer)
    async with Citrine(core.address, key="secret") as citrine:
        events, token = await newest_events(citrine, ListEventsRequest(station_ids=["QUIET"], page_size=3))

    assert [one.token for one in events] == found
    assert token == before
