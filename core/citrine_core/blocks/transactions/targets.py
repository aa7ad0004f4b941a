"""Commands about a transaction: their station is that of the transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from citrine.api.v1.common_pb2 import CommandTarget
from citrine_core.blocks.transactions.lists import TransactionLists
from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import InvalidArgument, NotFound

__all__ = ["aim_at_transaction"]


async def aim_at_transaction(
    unit_of_work: UnitOfWorkFactory, tenant_id: str, target: CommandTarget, transaction_id: str
) -> Row[Any] | None:
    """Fill in the station of a command about a transaction, where its caller names none.

    Returns:
        The transaction. None: the caller names the station, and no station
        reported the transaction yet, which is the station's to know.

    Raises:
        NotFound: When the caller names no station, and none reported the transaction.
        InvalidArgument: When several stations have one of this id, or it is of another one than the caller names.
    """
    async with unit_of_work(read_only=True) as work:
        rows = await TransactionLists(work.session).find(tenant_id, transaction_id)
    if target.station_id:
        return _of_station(rows, target.station_id, transaction_id)
    if not rows:
        raise NotFound("transaction", transaction_id)
    if len(rows) > 1:
        raise InvalidArgument(
            "target.station_id", f"must be given: several stations have a transaction {transaction_id}"
        )
    target.station_id = rows[0].station_id
    return rows[0]


def _of_station(rows: Sequence[Row[Any]], station_id: str, transaction_id: str) -> Row[Any] | None:
    for row in rows:
        if row.station_id == station_id:
            return row
    if len(rows) == 1:
        raise InvalidArgument("target.station_id", f"transaction {transaction_id} is of station {rows[0].station_id}")
    # None is known, or ids are not unique here: the station knows.
    return None
