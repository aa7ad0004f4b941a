"""Pages that change while somebody looks: regions, the events that make them stale, and their way to browsers."""

from citrine_console.live.feed import Feed, Feeds
from citrine_console.live.hub import Hub, Watcher
from citrine_console.live.regions import WITHOUT_EVENT, Page, Region, Shown, anything, of_station

__all__ = ["WITHOUT_EVENT", "Feed", "Feeds", "Hub", "Page", "Region", "Shown", "Watcher", "anything", "of_station"]
