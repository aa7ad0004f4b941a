"""Chains of audit records: each record has the hash of the one before, so that one that is removed leaves a gap.

A transaction has a chain to itself until its commit, so that nobody waits for anybody: a core has as many chains as it
stores records at a time, and cores share none. A transaction that does not commit takes its chain with it; the next
one begins another, which names the newest record of all that there are (ADR 31).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import orjson

from citrine_core.ids import new_id
from citrine_core.resources.audit.models import AuditRecord

__all__ = ["Chain", "hash_of"]

_HASHED = (
    "previous_hash",
    "chain_id",
    "number",
    "record_id",
    "tenant_id",
    "caller_id",
    "caller_name",
    "address",
    "method",
    "object",
    "request",
    "outcome",
    "count",
)


@dataclass(slots=True)
class Chain:
    """The end of a chain."""

    chain_id: str
    number: int
    hash: str

    @classmethod
    def behind(cls, newest_hash: str) -> "Chain":
        """Return a new chain.

        Args:
            newest_hash: Hash of the newest record of any chain. Empty: there is none.
        """
        return cls(new_id(), 0, newest_hash)

    def append(self, row: dict[str, Any]) -> None:
        """Make a row of `AuditRecord` the next one of the chain."""
        row.update(chain_id=self.chain_id, number=self.number + 1, previous_hash=self.hash)
        row["hash"] = hash_of(AuditRecord(**row))
        self.number, self.hash = row["number"], row["hash"]


def hash_of(record: AuditRecord) -> str:
    """Return the hash of a record: SHA-256 of its values, and of the hash of the record before, as a JSON array."""
    time = record.create_time.astimezone(UTC).isoformat(timespec="microseconds")
    values = [*(getattr(record, name) for name in _HASHED), time]
    return hashlib.sha256(orjson.dumps(values)).hexdigest()
