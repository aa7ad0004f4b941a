"""Idempotency keys: a call that is retried has one effect, and is answered as it was the first time."""

from citrine_core.resources.idempotency.keyed_calls import KeyedCalls
from citrine_core.resources.idempotency.models import IdempotencyKey
from citrine_core.resources.idempotency.repository import SECRETS as ANSWER_SECRETS
from citrine_core.resources.idempotency.repository import IdempotencyKeys

__all__ = ["ANSWER_SECRETS", "IdempotencyKey", "IdempotencyKeys", "KeyedCalls"]
