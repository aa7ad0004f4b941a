"""The feed: events of the core, followed by one replica, each with what follows from it stored once."""

from citrine_ocpi.feed.follower import Effect, Feed, Listener

__all__ = ["Effect", "Feed", "Listener"]
