"""Completion of parameters in a shell: ids of stations, tokens, transactions, tariffs and more, and OCPP actions.

Ids come from a core. Errors are suppressed, because somebody is typing.
"""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, get_args, get_origin

import typer

from citrine_cli.connection import Connection

__all__ = ["with_completion"]

SECONDS = 1.0
"""Seconds to wait for the core."""

MOST = 100
"""Most ids that are offered."""

_Offer = Callable[[typer.Context, str], list[str]]


def _connection(ctx: typer.Context) -> Connection:
    """Return the connection that the words before the cursor describe. Options after the command take precedence."""
    found: dict[str, Any] = {}
    at: Any = ctx
    while at is not None:
        for name in ("core", "key", "key_file", "token_file", "tenant"):
            if at.params.get(name) and name not in found:
                found[name] = at.params[name]
        at = at.parent
    return Connection(**found)


async def _stations(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.stations_pb2 import ListStationsRequest

    async for page in citrine.pages(citrine.stations.ListStations, ListStationsRequest(page_size=1000)):
        for station in page.stations:
            yield station.station_id


async def _tokens(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.tokens_pb2 import ListTokensRequest

    async for page in citrine.pages(citrine.tokens.ListTokens, ListTokensRequest(page_size=1000)):
        for token in page.tokens:
            yield token.id_token


async def _transactions(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.transactions_pb2 import ListTransactionsRequest

    request = ListTransactionsRequest(transaction_id_prefix=prefix, page_size=MOST)
    async for page in citrine.pages(citrine.transactions.ListTransactions, request):
        for transaction in page.transactions:
            yield transaction.transaction_id


async def _assignments(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.tariffs_pb2 import ListTariffAssignmentsRequest

    request = ListTariffAssignmentsRequest(assignment_id_prefix=prefix, page_size=MOST)
    async for page in citrine.pages(citrine.tariffs.ListTariffAssignments, request):
        for assignment in page.assignments:
            yield assignment.assignment_id


async def _tariffs(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.tariffs_pb2 import ListTariffsRequest

    async for page in citrine.pages(citrine.tariffs.ListTariffs, ListTariffsRequest(page_size=1000)):
        for tariff in page.tariffs:
            yield tariff.tariff_id


async def _commands(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.commands_pb2 import ListCommandsRequest

    request = ListCommandsRequest(command_id_prefix=prefix, page_size=MOST)
    async for page in citrine.pages(citrine.commands.ListCommands, request):
        for command in page.commands:
            yield command.command_id


async def _campaigns(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.firmware_campaigns_pb2 import ListFirmwareCampaignsRequest

    request = ListFirmwareCampaignsRequest(campaign_id_prefix=prefix, page_size=MOST)
    async for page in citrine.pages(citrine.firmware_campaigns.ListFirmwareCampaigns, request):
        for campaign in page.campaigns:
            yield campaign.campaign_id


async def _operations(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.operations_pb2 import ListOperationsRequest

    request = ListOperationsRequest(operation_id_prefix=prefix, page_size=MOST)
    async for page in citrine.pages(citrine.operations.ListOperations, request):
        for operation in page.operations:
            yield operation.operation_id


async def _locations(citrine: Any, prefix: str) -> AsyncIterator[str]:
    from citrine.api.v1.locations_pb2 import ListLocationsRequest

    async for page in citrine.pages(citrine.locations.ListLocations, ListLocationsRequest(page_size=1000)):
        for location in page.locations:
            yield location.location_id


def _offer(ids: Callable[[Any, str], AsyncIterator[str]]) -> _Offer:
    """Return a completion function for typer."""

    async def ask(connection: Connection, incomplete: str, found: list[str]) -> None:
        from citrine_sdk import Citrine

        async with (
            asyncio.timeout(SECONDS),
            Citrine(
                connection.cores(),
                key=connection.secret(),
                tenant=connection.tenant,
                tls=connection.tls,
                ca_file=connection.ca_file,
            ) as citrine,
        ):
            async for one in ids(citrine, incomplete):
                if one.startswith(incomplete) and one not in found:
                    found.append(one)
                if len(found) >= MOST:
                    return

    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        found: list[str] = []
        # No error may be printed between the words of a command line.
        with contextlib.suppress(Exception):
            asyncio.run(ask(_connection(ctx), incomplete, found))
        return found

    return offer


def _actions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the actions of OCPP that a CSMS may send."""
    from citrine.ocpp.actions import ACTIONS

    return sorted(name for name, action in ACTIONS.items() if action.from_csms and name.startswith(incomplete))


def _operation_actions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the actions of operations."""
    from citrine_cli.commands.operations import ACTIONS

    return sorted(name for name in ACTIONS if name.startswith(incomplete))


_OFFERS: dict[str, _Offer] = {
    "call.action": _actions,
    **dict.fromkeys(("station_id", "station", "stations"), _offer(_stations)),
    **dict.fromkeys(("id_token", "token", "tokens"), _offer(_tokens)),
    **dict.fromkeys(("transaction_id", "transaction"), _offer(_transactions)),
    "assignment_id": _offer(_assignments),
    **dict.fromkeys(("tariff_id", "tariff"), _offer(_tariffs)),
    **dict.fromkeys(("location_id", "location"), _offer(_locations)),
    "command_id": _offer(_commands),
    "campaign_id": _offer(_campaigns),
    "operation_id": _offer(_operations),
    "start_operation.action": _operation_actions,
}
"""Completions of parameters by name, or by command and name for one command alone."""

_NEW = {
    "add_location": "location_id",
    "add_station": "station_id",
    "add_token": "id_token",
    "create": "campaign_id",
    "create_tariff": "tariff_id",
    "start_operation": "operation_id",
}
"""Commands that create something, and the parameter with its new id, which is not completed."""


def with_completion(command: str, parameter: str, hint: Any) -> Any:
    """Return the annotation of a command's parameter, with its completion if it has one."""
    offer = _OFFERS.get(f"{command}.{parameter}") or _OFFERS.get(parameter)
    if offer is None or _NEW.get(command) == parameter or get_origin(hint) is not Annotated:
        return hint
    kind, info = get_args(hint)[:2]
    if kind is bool:
        return hint
    # A copy, because another command may share the annotation without completion.
    info = copy.copy(info)
    info.autocompletion = offer
    return Annotated[kind, info]
