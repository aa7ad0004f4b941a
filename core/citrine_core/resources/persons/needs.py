"""What still needs the ids of a person: whoever reads them afterwards must find them as they are."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.local_auth_list.queries import find_stations_with
from citrine_core.blocks.remote_control.queries import has_accepted_of
from citrine_core.blocks.reservation.queries import has_active_of
from citrine_core.blocks.transactions.lists.queries import find_keys_of, has_open_of
from citrine_core.encryption import SecretUnreadable
from citrine_core.resources.charge_records import is_any_due
from citrine_core.resources.commands.queries import UnfinishedRow, clear_payload, list_unfinished
from citrine_core.resources.operations.queries import clear_action, list_actions_at_work
from citrine_core.resources.persons.messages import replace_in_json, replace_in_message
from citrine_core.resources.persons.pseudonyms import Person
from citrine_core.services import Services

__all__ = ["find_need"]

LONGEST_START = timedelta(hours=1)
"""How long a station that accepted a remote start may wait for the driver."""

COMMANDS = 100
"""Commands that are read at a time: each may be a local list."""

OPERATIONS = 10
"""Operations that are read at a time: each may have a megabyte."""


SECRETS_AT_ONCE = 500
"""Commands that are decrypted at a time: each may be a request to a key service."""


async def find_need(
    services: Services, tenant_id: str, lookups: Collection[str], person: Person, cleared: set[str], now: datetime
) -> str:
    """Return what still needs the ids of a person, in words; empty if nothing does.

    Reads in slices, with a transaction of the database for each.

    Args:
        services: Of the core.
        tenant_id: The tenant.
        lookups: Of the tokens of the person.
        person: The person.
        cleared: Operations and commands whose secrets were read before and don't name the person; gets more of them.
        now: The time.
    """
    async with services.unit_of_work(read_only=True) as work:
        found = await _find_in_rows(work.session, tenant_id, lookups, person.keys_of(lookups), now)
    return (
        found
        or await _find_operation(services, tenant_id, person, cleared)
        or await _find_command(services, tenant_id, person, cleared)
    )


async def _find_in_rows(
    session: AsyncSession, tenant_id: str, lookups: Collection[str], keys: Collection[tuple[str, str]], now: datetime
) -> str:
    if await has_open_of(session, tenant_id, lookups):
        return "an open transaction"
    if await has_active_of(session, tenant_id, lookups):
        return "a reservation"
    if await has_accepted_of(session, tenant_id, lookups, now - LONGEST_START):
        return "a remote start"
    stations = await find_stations_with(session, tenant_id, keys)
    if stations:
        return f"the local list of {', '.join(stations)}"
    keys = await find_keys_of(session, tenant_id, lookups)
    return "a charge record" if await is_any_due(session, tenant_id, keys) else ""


async def _find_operation(services: Services, tenant_id: str, person: Person, cleared: set[str]) -> str:
    after, rows_left = "", True
    while rows_left:
        async with services.unit_of_work(read_only=True) as work:
            rows = await list_actions_at_work(work.session, tenant_id, after, OPERATIONS)
        for row in rows:
            if row.operation_id in cleared:
                continue
            try:
                action = await clear_action(row, services.cipher)
            except SecretUnreadable:
                return f"operation {row.operation_id}, whose secrets can't be decrypted"
            if person.may_be_in(action.SerializeToString()) and replace_in_message(action, person):
                return f"operation {row.operation_id}"
            cleared.add(row.operation_id)
        rows_left = len(rows) == OPERATIONS
        after = rows[-1].operation_id if rows else ""
    return ""


async def _find_command(services: Services, tenant_id: str, person: Person, cleared: set[str]) -> str:
    # What is shown of a command is looked at first: a key service is asked for each secret.
    secrets = 0
    async for row in _unfinished(services, tenant_id):
        if row.command_id not in cleared:
            if _names(row.payload, person):
                return _command(row)
            secrets += row.secret_payload is not None
    asked = 0
    if secrets:
        async for row in _unfinished(services, tenant_id):
            if row.secret_payload is None or row.command_id in cleared:
                continue
            if asked == SECRETS_AT_ONCE:
                return "commands with secrets, of which some were not read yet"
            asked += 1
            try:
                payload = await clear_payload(row, services.cipher)
            except SecretUnreadable:
                return f"command {row.command_id}, whose secrets can't be decrypted"
            if _names(payload, person):
                return _command(row)
            cleared.add(row.command_id)
    return ""


async def _unfinished(services: Services, tenant_id: str) -> AsyncIterator[UnfinishedRow]:
    after, rows_left = ("", ""), True
    while rows_left:
        async with services.unit_of_work(read_only=True) as work:
            rows = await list_unfinished(work.session, tenant_id, after, COMMANDS)
        for row in rows:
            yield row
        rows_left = len(rows) == COMMANDS
        after = (rows[-1].station_id, rows[-1].command_id) if rows else ("", "")


def _names(payload: str, person: Person) -> bool:
    return person.may_be_in(payload.encode()) and replace_in_json(payload, person) != payload


def _command(row: UnfinishedRow) -> str:
    return f"command {row.command_id} to {row.station_id}"
