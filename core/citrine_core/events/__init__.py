"""Events: the outbox that every change writes to, its subscribers, and the frames of watched stations."""

from citrine_core.events.feed import EventFeed, Subscription, write_events
from citrine_core.events.frames import FrameHub, FrameWatch
from citrine_core.events.models import OutboxEvent, OutboxState
from citrine_core.events.repository import OutboxRepository
from citrine_core.events.servicer import EventsServicer

__all__ = [
    "EventFeed",
    "EventsServicer",
    "FrameHub",
    "FrameWatch",
    "OutboxEvent",
    "OutboxRepository",
    "OutboxState",
    "Subscription",
    "write_events",
]
