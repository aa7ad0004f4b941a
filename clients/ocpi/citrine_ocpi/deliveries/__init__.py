"""Deliveries: what is sent to partners by ourselves, stored until they have it."""

from citrine_ocpi.deliveries.outbox import Outbox, Push
from citrine_ocpi.deliveries.sender import Sender

__all__ = ["Outbox", "Push", "Sender"]
