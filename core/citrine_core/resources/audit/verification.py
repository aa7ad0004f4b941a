"""Checks the chains of audit records: whether one was changed, removed or put in between."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.audit.chains import hash_of
from citrine_core.resources.audit.models import AuditRecord
from citrine_core.resources.audit.repository import AuditRepository

__all__ = ["Problem", "Verification"]

PAGE = 500
"""Records that are read at a time."""

MOST_PROBLEMS = 100
"""Problems that are told."""

OVERLAP = timedelta(minutes=1)
"""A transaction that is longer than that does not store records."""

_START = ("", 0)


@dataclass(frozen=True, slots=True)
class Problem:
    """A place in a chain where something is wrong."""

    chain_id: str
    number: int
    description: str


@dataclass(slots=True)
class Verification:
    """One check of all records, page by page, in the order of the chains."""

    unit_of_work: UnitOfWorkFactory
    records: int = 0
    chains: int = 0
    erased: int = 0
    """Records from which a person was erased: of these only the place in their chain is verified."""
    problems: list[Problem] = field(default_factory=list)
    _checkpoints: dict[str, tuple[int, str]] = field(default_factory=dict)
    _chain_id: str = ""
    _number: int = 0
    _hash: str = ""

    async def run(self) -> None:
        """Check all records that are there when it begins.

        Raises:
            DatabaseUnavailable: When they can't be read now.
        """
        after = _START
        rows: Sequence[AuditRecord] = ()
        while after == _START or len(rows) == PAGE:
            async with self.unit_of_work(read_only=True) as work:
                audit = AuditRepository(work.session)
                if after == _START:
                    self._checkpoints = await audit.checkpoints()
                rows = await audit.by_chain(after, PAGE)
                for row in rows:
                    await self._check(audit, row)
            if not rows:
                break
            after = (rows[-1].chain_id, rows[-1].number)

    async def _check(self, audit: AuditRepository, row: AuditRecord) -> None:
        self.records += 1
        if row.chain_id != self._chain_id:
            await self._begin(audit, row)
        if row.number != self._number + 1:
            self._add(row, f"the records {self._number + 1} to {row.number - 1} are missing")
        elif row.previous_hash != self._hash:
            self._add(row, "the record before it is another one than when it was stored")
        if row.erased:
            # What it said is not known any more; that it stands here, by its hash, is.
            self.erased += 1
        elif hash_of(row) != row.hash:
            self._add(row, "it was changed")
        self._number, self._hash = row.number, row.hash

    async def _begin(self, audit: AuditRepository, row: AuditRecord) -> None:
        self.chains += 1
        self._chain_id = row.chain_id
        self._number, self._hash = self._checkpoints.get(row.chain_id, (0, row.previous_hash))
        if row.number > 1 or not row.previous_hash or await audit.has_hash(row.previous_hash):
            return
        # The record that it names may have been removed because of its age, if all of that time were.
        if not self._checkpoints or await audit.has_before(row.create_time - OVERLAP):
            self._add(row, "the record that was the newest when its chain began is missing")

    def _add(self, row: AuditRecord, description: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(row.chain_id, row.number, description))
