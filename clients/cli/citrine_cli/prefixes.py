"""Lookup of ids by a prefix, so that the shortened ids of tables can be typed.

A whole id costs no additional call, except for lists of one transaction, which may not exist. If several ids have the
prefix, the command fails and names them.
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
    "with_operation",
    "with_transaction",
]

T = TypeVar("T")

_Candidates: TypeAlias = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""Returns the ids with a prefix, each with a description that distinguishes it."""

WHOLE = 36
"""Length of a UUID, and of OCPP's longest transactionId: an id of this length is no prefix."""

NAMED = 10
"""Most candidates that an error names."""

_NOT_OURS = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses if the key, or the core, offers the list of a block but not that of transactions."""


async def find_transaction(client: Client, text: str, station: str = "") -> Transaction:
    """Return the transaction with an id, or the only one whose id begins with the text.

    Raises:
        CliError: When several ids have the prefix.
        grpc.aio.AioRpcError: When none has, or several stations used the id.
    """

    async def get(transaction_id: str) -> Transaction:
        request = GetTransactionRequest(transaction_id=transaction_id, station_id=station)
        return await client.citrine.transactions.GetTransaction(request)

    return await with_transaction(client, text, station, get)


async def key_of_transaction(client: Client, text: str, station: str = "") -> tuple[str, str]:
    """Return the station and the id of the transaction that `find_transaction` finds."""
    found = await find_transaction(client, text, station)
    return found.station_id, found.transaction_id


async def with_transaction(client: Client, text: str, station: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Return the answer of a call about the transaction with an id, or the only one whose id begins with the text.

    Args:
        client: The client, to list transactions.
        text: Id or prefix.
        station: Station of the transaction. Empty: any.
        call: Called with the whole id; fails with NOT_FOUND if it does not exist.

    Raises:
        CliError: When several ids have the prefix.
        grpc.aio.AioRpcError: When the call fails, or no id has the prefix.
    """
    return await _with("transactions", text, call, lambda: _transactions(client, text, station))


async def with_campaign(client: Client, text: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Do the same as `with_transaction` for a firmware campaign."""
    return await _with("campaigns", text, call, lambda: _campaigns(client, text))


async def with_assignment(client: Client, text: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Do the same as `with_transaction` for a tariff assignment."""
    return await _with("assignments", text, call, lambda: _assignments(client, text))


async def with_command(client: Client, text: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Do the same as `with_transaction` for a command."""
    return await _with("commands", text, call, lambda: _commands(client, text))


async def with_operation(client: Client, text: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Do the same as `with_transaction` for an operation."""
    return await _with("operations", text, call, lambda: _operations(client, text))


async def transaction_id_of(client: Client, text: str, station: str = "") -> str:
    """Return the whole id of a transaction, to filter a list by it; the text itself if no id begins with it.

    Raises:
        CliError: When several ids begin with the text, and none is equal to it.
    """
    return await _whole("transactions", text, lambda: _transactions(client, text, station))


async def listed_transaction(client: Client, text: str, station: str = "") -> str:
    """Return the whole id of the transaction to filter a list by; empty for a list of all.

    Raises:
        CliError: When no transaction has the id, for the list would be empty, or when several ids have the prefix.
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
    """Do the same as `transaction_id_of` for a firmware campaign."""
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
    """Return the only candidate, or the one equal to the text; the text itself if there are none."""
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
        # With these codes, several stations used the id.
        if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION):
            return [(whole, "")]
        raise
    return [(found.transaction_id, found.station_id)]


async def _operations(client: Client, text: str) -> list[tuple[str, str]]:
    # Imported here: only ids that are not whole need it.
    from citrine.api.v1.operations_pb2 import ListOperationsRequest

    request = ListOperationsRequest(operation_id_prefix=text, page_size=NAMED + 1)
    found = (await client.citrine.operations.ListOperations(request)).operations
    return [(one.operation_id, one.reason) for one in found]


async def _campaigns(client: Client, text: str) -> list[tuple[str, str]]:
    # Imported here, because few commands need it.
    from citrine.api.v1.firmware_campaigns_pb2 import ListFirmwareCampaignsRequest

    request = ListFirmwareCampaignsRequest(campaign_id_prefix=text, page_size=NAMED + 1)
    found = (await client.citrine.firmware_campaigns.ListFirmwareCampaigns(request)).campaigns
    return [(one.campaign_id, one.display_name) for one in found]


async def _assignments(client: Client, text: str) -> list[tuple[str, str]]:
    from citrine.api.v1.tariffs_pb2 import ListTariffAssignmentsRequest

    request = ListTariffAssignmentsRequest(assignment_id_prefix=text, include_ended=True, page_size=NAMED + 1)
    found = (await client.citrine.tariffs.ListTariffAssignments(request)).assignments
    return [(one.assignment_id, one.tariff_id) for one in found]


async def _commands(client: Client, text: str) -> list[tuple[str, str]]:
    from citrine.api.v1.commands_pb2 import ListCommandsRequest

    found = (
        await client.citrine.commands.ListCommands(ListCommandsRequest(command_id_prefix=text, page_size=NAMED + 1))
    ).commands
    return [(one.command_id, f"{one.action} to {one.station_id}") for one in found]
