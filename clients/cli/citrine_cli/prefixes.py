"""Ids by what they begin with: what a table shortens can be typed.

A whole id costs no call more, but where a list is to be of one transaction, which may not be there. Where a beginning
is that of several, the command ends and names them.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

import grpc

from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionsRequest, Transaction
from citrine_cli.client import Client
from citrine_cli.errors import CliError, NotThere

__all__ = [
    "WHOLE",
    "campaign_id_of",
    "find_transaction",
    "key_of_transaction",
    "listed_transaction",
    "transaction_id_of",
    "with_assignment",
    "with_campaign",
    "with_command",
    "with_transaction",
]

T = TypeVar("T")

_Candidates: TypeAlias = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""Returns the ids that begin so, each with what else tells it from others."""

WHOLE = 36
"""Characters of an id that is certainly whole: a UUID, and the longest transactionId of OCPP."""

NAMED = 10
"""Candidates that an error names."""

_NOT_OURS = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses of a key, or a core, that has the lists of a block and not those of transactions."""


async def find_transaction(client: Client, text: str, station: str = "") -> Transaction:
    """Return the transaction of an id, or the only one whose id begins so.

    Raises:
        CliError: When several do.
        grpc.aio.AioRpcError: When none does, or several stations used the id.
    """

    async def get(transaction_id: str) -> Transaction:
        request = GetTransactionRequest(transaction_id=transaction_id, station_id=station)
        return await client.citrine.transactions.GetTransaction(request)

    return await with_transaction(client, text, station, get)


async def key_of_transaction(client: Client, text: str, station: str = "") -> tuple[str, str]:
    """Return the station and the id of a transaction, as `find_transaction` finds it."""
    found = await find_transaction(client, text, station)
    return found.station_id, found.transaction_id


async def with_transaction(client: Client, text: str, station: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Return what a call answers about the transaction of an id, or about the only one whose id begins so.

    Args:
        client: Whom to ask which transactions there are.
        text: Id, or its beginning.
        station: Its station. Empty: any.
        call: Is given the whole id; fails with NOT_FOUND where there is none.

    Raises:
        CliError: When several begin so.
        grpc.aio.AioRpcError: When the call fails, or none begins so.
    """
    return await _with("transactions", text, call, lambda: _transactions(client, text, station))


async def with_campaign(client: Client, text: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Return what a call answers about a campaign of firmware, as `with_transaction` does of a transaction."""
    return await _with("campaigns", text, call, lambda: _campaigns(client, text))


async def with_assignment(client: Client, text: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Return what a call answers about an assignment of a tariff, as `with_transaction` does of a transaction."""
    return await _with("assignments", text, call, lambda: _assignments(client, text))


async def with_command(client: Client, text: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Return what a call answers about a command, as `with_transaction` does of a transaction."""
    return await _with("commands", text, call, lambda: _commands(client, text))


async def transaction_id_of(client: Client, text: str, station: str = "") -> str:
    """Return the whole id of a transaction that a list is to be of; the text itself where none begins so.

    Raises:
        CliError: When several begin so, and none is called just that.
    """
    return await _whole("transactions", text, lambda: _transactions(client, text, station))


async def listed_transaction(client: Client, text: str, station: str = "") -> str:
    """Return the whole id of the transaction that a list is to be of; empty where it is of all.

    Raises:
        CliError: When there is none, whose list would be empty, or several begin so.
    """
    if not text:
        return text
    try:
        found = await (_transactions if _may_be_part(text) else _transaction)(client, text, station)
    except grpc.aio.AioRpcError as error:
        if error.code() not in _NOT_OURS:
            raise
        return text
    if not found:
        raise NotThere("transaction", text)

    async def candidates() -> Sequence[tuple[str, str]]:
        return found

    return await _whole("transactions", text, candidates)


async def campaign_id_of(client: Client, text: str) -> str:
    """Return the whole id of a campaign that a list is to be of, as `transaction_id_of` does of a transaction."""
    return await _whole("campaigns", text, lambda: _campaigns(client, text))


async def _with(what: str, text: str, call: Callable[[str], Awaitable[T]], candidates: _Candidates) -> T:
    try:
        return await call(text)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND or not _may_be_part(text):
            raise
        whole = await _whole(what, text, candidates)
        if whole == text:
            raise
    return await call(whole)


async def _whole(what: str, text: str, candidates: _Candidates) -> str:
    """Return the id that is meant, of those that begin so; the text itself where there are none."""
    if not _may_be_part(text):
        return text
    try:
        found = await candidates()
    except grpc.aio.AioRpcError as error:
        if error.code() not in _NOT_OURS:
            raise
        return text
    ids = {found_id for found_id, _ in found}
    if text in ids or not ids:
        return text
    if len(ids) == 1:
        return ids.pop()
    named = [f"{found_id} ({more})" if more else found_id for found_id, more in found[:NAMED]]
    raise CliError(f"several {what} begin with {text!r}: {', '.join(named)}{', …' if len(found) > NAMED else ''}")


def _may_be_part(text: str) -> bool:
    return 0 < len(text) < WHOLE


async def _transactions(client: Client, text: str, station: str) -> list[tuple[str, str]]:
    request = ListTransactionsRequest(transaction_id_prefix=text, station_id=station, page_size=NAMED + 1)
    found = (await client.citrine.transactions.ListTransactions(request)).transactions
    return [(one.transaction_id, one.station_id) for one in found]


async def _transaction(client: Client, whole: str, station: str) -> list[tuple[str, str]]:
    request = GetTransactionRequest(transaction_id=whole, station_id=station)
    try:
        found = await client.citrine.transactions.GetTransaction(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return []
        # Several stations used the id.
        if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION):
            return [(whole, "")]
        raise
    return [(found.transaction_id, found.station_id)]


async def _campaigns(client: Client, text: str) -> list[tuple[str, str]]:
    # Imported late, as what few commands need.
    from citrine.api.v1.firmware_campaigns_pb2 import ListFirmwareCampaignsRequest

    request = ListFirmwareCampaignsRequest(campaign_id_prefix=text, page_size=NAMED + 1)
    found = (await client.citrine.firmware_campaigns.ListFirmwareCampaigns(request)).campaigns
    return [(one.campaign_id, one.name) for one in found]


async def _assignments(client: Client, text: str) -> list[tuple[str, str]]:
    from citrine.api.v1.tariffs_pb2 import ListTariffAssignmentsRequest

    request = ListTariffAssignmentsRequest(assignment_id_prefix=text, include_ended=True, page_size=NAMED + 1)
    found = (await client.citrine.tariffs.ListTariffAssignments(request)).assignments
    return [(one.assignment_id, one.tariff_id) for one in found]


async def _commands(client: Client, text: str) -> list[tuple[str, str]]:
    from citrine.api.v1.commands_pb2 import ListCommandsRequest

    found = (
        await client.citrine.commands.ListCommands(ListCommandsRequest(id_prefix=text, page_size=NAMED + 1))
    ).commands
    return [(one.id, f"{one.action} to {one.station_id}") for one in found]
