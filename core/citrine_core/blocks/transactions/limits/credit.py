"""Credit of prepaid tokens (C17): the amount paid, less the cost of their transactions since then."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from citrine_core.blocks.tariff_and_cost.queries import billed_totals
from citrine_core.blocks.transactions.limits.repository import LimitRepository, TokenId, TransactionKey
from citrine_core.db import UnitOfWork
from citrine_core.resources.tokens import Token

__all__ = ["credit_left", "spending"]


async def spending(
    work: UnitOfWork, tenant_id: str, tokens: Sequence[Token]
) -> dict[TokenId, dict[TransactionKey, Decimal]]:
    """Return the known costs of transactions of prepaid tokens, by a handful of statements."""
    since = {
        (token.lookup, token.type): int(token.prepaid_since.timestamp() * 1_000_000)
        for token in tokens
        if token.prepaid_since is not None
    }
    found: dict[TokenId, dict[TransactionKey, Decimal]] = {token: {} for token in since}
    if not since:
        return found
    tokens_of = await LimitRepository(work.session).list_of_tokens(tenant_id, since)
    for key, total in (await billed_totals(work, tenant_id, tokens_of)).items():
        found[tokens_of[key]][key] = total
    return found


async def credit_left(work: UnitOfWork, tenant_id: str, tokens: Sequence[Token]) -> Mapping[TokenId, Decimal]:
    """Return the credit of those tokens that are prepaid; negative if more was charged.

    It is computed from the costs themselves, so that a crash, a late message or a correction can't make it wrong.
    """
    prepaid = {(token.lookup, token.type): Decimal(token.prepaid) for token in tokens if token.prepaid is not None}
    if not prepaid:
        return {}
    spent = await spending(work, tenant_id, [token for token in tokens if token.prepaid is not None])
    return {token: paid - sum(spent.get(token, {}).values(), Decimal(0)) for token, paid in prepaid.items()}
