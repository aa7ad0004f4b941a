"""Transactions whose costs are brought up to date, with their new events."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from citrine.events.v1.events_pb2 import TransactionSummary
from citrine.ocpp.v2.transactions_pb2 import TransactionEventResponse
from citrine_core.blocks.tariff_and_cost.accrual import Moment
from citrine_core.blocks.tariff_and_cost.assignments import Subject
from citrine_core.blocks.tariff_and_cost.corrections import Cause, CorrectionRow, Total
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import TransactionKey

__all__ = ["Charged", "ChargedEvent"]


@dataclass(slots=True)
class ChargedEvent:
    """One event of a transaction that is new."""

    moment: Moment
    response: TransactionEventResponse
    updates: bool
    """Its type is Updated."""
    ends: bool
    """Its type is Ended."""


@dataclass(slots=True)
class Charged:
    """A transaction with new events."""

    transaction_id: str
    sequence: int
    subject: Subject
    end: datetime | None
    """When it ended. None: it goes on."""
    has_beginning: bool
    """Its beginning was told."""
    events: list[ChargedEvent]
    """The new ones, in their order."""
    is_new: bool
    """The events are all that there are."""
    is_late: bool
    """They are not all behind those that are stored."""
    reservation_id: int | None = None
    """Reservation that it uses."""
    energy_known: bool = True
    """False: the station never told how much was charged."""
    settlement: int = 0
    """citrine.api.v1.Settlement. 0: it is not settled, and its cost is not final."""
    waits_until: datetime | None = None
    """When it is settled without what is missing."""
    wants_details: bool = False
    """Whether its station is told the cost by a message of its own, which says more than the total."""
    register_wh: float | None = None
    cause: Cause | None = None
    """Why it is reckoned anew, where its cost is final. None: nothing new came of it."""
    summary: TransactionSummary | None = None
    """Its state for subscribers, once it is over."""
    correction: CorrectionRow | None = field(default=None, init=False)
    """What its final cost is replaced by. None: it stays as it was. Set here."""
    total: Decimal | None = field(default=None, init=False)
    """What it costs after tax, once it ended. Set here."""
    cost: Total | None = field(default=None, init=False)
    """What it costs so far, or by the correction that was made. None: not known, or final before. Set here."""

    @property
    def key(self) -> TransactionKey:
        """Station and transaction."""
        return (self.subject.station_id, self.transaction_id)

    @property
    def is_over(self) -> bool:
        """Whether it costs no more than it does now, unless events are missing."""
        return self.end is not None or self.settlement != 0

    @property
    def is_reckoned(self) -> bool:
        """Whether somebody wants to know what it costs, though its cost is final: its driver, or the accounts."""
        return self.settlement != 0 or any(event.ends for event in self.events)
