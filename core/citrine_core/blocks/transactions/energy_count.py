"""Counts the energy that a batch of events adds to transactions."""

from collections.abc import Mapping

from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.repository import TransactionKey
from citrine_core.business_counters import BusinessCounters
from citrine_core.db import UnitOfWork

__all__ = ["count_energy", "energy_of"]


def energy_of(states: Mapping[TransactionKey, TransactionState]) -> dict[TransactionKey, float | None]:
    """Return the energy of transactions so far, in Wh."""
    return {key: state.energy_wh for key, state in states.items()}


def count_energy(
    work: UnitOfWork,
    counters: BusinessCounters,
    before: Mapping[TransactionKey, float | None],
    states: Mapping[TransactionKey, TransactionState],
) -> None:
    """Count the difference since then, in Wh, after the commit. It is negative if a refold corrected the energy."""
    change = sum((state.energy_wh or 0.0) - (before.get(key) or 0.0) for key, state in states.items())
    if change:
        work.after_commit(lambda: counters.energy(change))
