"""The feed: events of the core, followed by one replica, each with what follows from it stored once."""

from citrine_ocpi.feed.follower import Feed, Listener
from citrine_ocpi.feed.isolation import Effect, Isolation, NotShown, Together, is_passing
from citrine_ocpi.feed.left_out import LeftOutRepository, Subject

__all__ = [
    "Effect",
    "Feed",
    "Isolation",
    "LeftOutRepository",
    "Listener",
    "NotShown",
    "Subject",
    "Together",
    "is_passing",
]
