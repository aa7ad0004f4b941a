"""Summaries of transactions in events that come from none of their own: with what they are known to cost by then."""

from collections.abc import Collection, Mapping

from citrine.events.v1.events_pb2 import TransactionSummary
from citrine_core.blocks.tariff_and_cost.queries import totals_so_far
from citrine_core.blocks.transactions.queries import find_rows
from citrine_core.blocks.transactions.repository import TransactionKey
from citrine_core.blocks.transactions.summaries import summary_of
from citrine_core.db import UnitOfWork

__all__ = ["add_costs", "find_summaries"]


async def find_summaries(
    work: UnitOfWork, tenant_id: str, keys: Collection[TransactionKey]
) -> dict[TransactionKey, TransactionSummary]:
    """Return the summaries of stored transactions, with their costs."""
    rows = await find_rows(work.session, tenant_id, keys)
    found = {key: summary_of(row, row.last_seq_no) for key, row in rows.items()}
    await add_costs(work, tenant_id, found)
    return found


async def add_costs(work: UnitOfWork, tenant_id: str, summaries: Mapping[TransactionKey, TransactionSummary]) -> None:
    """Say in summaries what the transactions cost by what is stored."""
    for key, total in (await totals_so_far(work, tenant_id, summaries)).items():
        summary = summaries[key]
        summary.currency = total.currency
        summary.before_tax, summary.after_tax = total.before_tax or "", total.after_tax or ""
