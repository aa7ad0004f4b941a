"""The transactionIds that the CSMS gave to a station's transactions."""

from citrine_simulator.store import StationStore

__all__ = ["UNDELIVERED", "TransactionNumbers"]

UNDELIVERED = -1
"""transactionId of messages whose StartTransaction was never answered (errata, on chapter 3.7.1)."""

MEMORY = "transaction_numbers"

MOST = 1000
"""Most transactions that are remembered. Above it, the oldest are forgotten."""


class TransactionNumbers:
    """The number of each transaction whose StartTransaction was answered. They survive a power loss."""

    def __init__(self, store: StationStore) -> None:
        self._store = store
        self._numbers: dict[str, int] = store.recall(MEMORY) or {}

    def of(self, transaction_id: str) -> int:
        """Return the number of a transaction, UNDELIVERED if it has none."""
        return self._numbers.get(transaction_id, UNDELIVERED)

    def transaction_id(self, number: int | None) -> str | None:
        """Return the station's own id of the newest transaction with a number, or None."""
        return next((own for own, other in reversed(self._numbers.items()) if other == number), None)

    def assign(self, transaction_id: str, number: int) -> None:
        """Store the number that the CSMS gave to a transaction."""
        self._numbers.pop(transaction_id, None)
        self._numbers[transaction_id] = number
        for oldest in list(self._numbers)[:-MOST]:
            del self._numbers[oldest]
        self._store.remember(MEMORY, self._numbers)

    def forget(self, transaction_id: str) -> None:
        """Remove a transaction: nothing more is said of it."""
        if self._numbers.pop(transaction_id, None) is not None:
            self._store.remember(MEMORY, self._numbers)
