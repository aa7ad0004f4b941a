"""Pages and their regions. A region is read and shown as a whole, anew whenever an event concerns it."""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc

from citrine.events.v1.events_pb2 import Event
from citrine_console.visits import Visit

__all__ = ["WITHOUT_EVENT", "Load", "Page", "Region", "Shown", "anything", "of_station"]

Load: TypeAlias = Callable[[Visit], Awaitable[Mapping[str, object]]]
"""Reads what a region shows: the variables of its template."""

Concerns: TypeAlias = Callable[[Visit, Event], bool]


WITHOUT_EVENT = 0.25
"""`every` of a region of which no event tells: with the pause it is read within a second, for all who look at once."""


def anything(visit: Visit, event: Event) -> bool:
    """Every event of the kinds concerns a region."""
    return True


def of_station(visit: Visit, event: Event) -> bool:
    """Events of the station that the path names concern a region."""
    return event.station_id == visit["station_id"]


@dataclass(frozen=True)
class Region:
    """A part of a page.

    Where its reading fails the region says so; the page is shown all the same, unless the region is its main one.
    """

    name: str
    """Id of its element, unique on its page."""
    template: str
    load: Load
    kinds: Collection[str] = ()
    """Events after which it is stale, by their names in the oneof of `Event`."""
    concerns: Concerns = anything
    """Which of these events."""
    every: float = 0.0
    """Seconds after which it is stale in any case. 0: never."""
    pause: float = 0.5
    """Seconds between two readings at least: what happens meanwhile is shown together."""
    needs: Sequence[str] = ()
    """Rpcs without which it is left out."""
    is_live: bool = True
    """Whether it is sent anew. What somebody edits is not: it would change below their hands."""
    is_personal: bool = False
    """Whether two people with the same rights may see different things."""
    query: Collection[str] | None = None
    """Names of the query that change what it shows. None: all of them."""
    is_main: bool = False
    """Whether the page is nothing without it."""


@dataclass(frozen=True)
class Page:
    """What a browser shows at a path."""

    path: str
    """With parameters in braces, as Starlette has them: "/stations/{station_id}"."""
    title: Callable[[Visit], str]
    template: str
    """It shows its regions by `{{ region("name") }}`."""
    regions: Sequence[Region] = ()
    section: str = ""
    """Entry of the navigation that is current."""
    needs: Sequence[str] = ()
    """Rpcs without which nobody may see it."""
    context: Callable[[Visit], Mapping[str, object]] = field(default=lambda visit: {})
    """Variables of its own template that need no reading."""


@dataclass(frozen=True)
class Shown:
    """A region as it is shown."""

    name: str
    html: str
    digest: str
    error: grpc.aio.AioRpcError | None = None
    """Why it could not be read: it shows that. None: it could."""

    @classmethod
    def of(cls, name: str, html: str, error: grpc.aio.AioRpcError | None = None) -> "Shown":
        """Return a region with the digest of what it shows."""
        return cls(name, html, hashlib.blake2b(html.encode(), digest_size=9).hexdigest(), error)
