"""The history of decisions on tokens: who was let charge where, and who was not."""

from citrine_core.blocks.authorization.records.models import AuthorizationRecord
from citrine_core.blocks.authorization.records.repository import AuthorizationRecords

__all__ = ["AuthorizationRecord", "AuthorizationRecords"]
