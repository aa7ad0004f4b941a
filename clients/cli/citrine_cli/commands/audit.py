"""`citrine audit`: who changed what, and who was denied."""

from typing import Annotated

import typer

from citrine.api.v1.audit_pb2 import AuditRecord, ListAuditRecordsRequest, VerifyAuditRecordsRequest
from citrine.api.v1.common_pb2 import TimeRange
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.errors import CliError
from citrine_words.values import parse_span
from citrine_words.words import time_word

__all__ = ["build"]


def build() -> typer.Typer:
    """Return the commands of `citrine audit`."""
    app = typer.Typer(help="Who changed what, and who was denied: list, verify.")
    client_command(app, "list", of_tenant=False)(list_records)
    client_command(app, "verify", of_tenant=False)(verify_records)
    return app


async def list_records(
    client: Client,
    caller: Annotated[str, typer.Option("--caller", metavar="ID", help="Only of the caller with this key id.")] = "",
    method: Annotated[
        str, typer.Option("--method", metavar="METHOD", help='Only of this one, e.g. "StationsService/DeleteStation".')
    ] = "",
    about: Annotated[
        str, typer.Option("--object", metavar="TEXT", help='Only whose object contains it, e.g. "station_id=CS-1".')
    ] = "",
    subject: Annotated[
        str,
        typer.Option("--about", metavar="FIELD=ID", help='Only about this, found at once, e.g. "station_id=CS-1".'),
    ] = "",
    begin: Annotated[str, typer.Option("--from", "--since", metavar="TIME", help="Only from then on.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Only before.")] = "",
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Of all tenants, and of strangers.")] = False,
    limit: Limit = 100,
) -> None:
    """List the calls that changed something or were denied, the latest first."""
    first, last = parse_span("--from/--since", begin, "--to", end, past=True)
    request = ListAuditRecordsRequest(
        caller_id=caller,
        method=method,
        object=about,
        about=subject,
        time=TimeRange(start=first, end=last) if begin or end else None,
        all_tenants=all_tenants,
    )
    pages = collect(client.citrine.audit.ListAuditRecords, request, limit)
    records = [record async for page in pages for record in page.records]
    if client.out.as_json:
        client.out.messages(records)
        return
    client.out.table(
        ["time", "who", "from", "what", "object", "outcome", "times"],
        (
            [
                time_word(record, "time"),
                _who(record),
                record.address,
                record.method,
                record.object,
                record.outcome,
                str(record.count),
            ]
            for record in records
        ),
        empty="no records",
    )


async def verify_records(client: Client) -> None:
    """Say whether a record of the audit was changed or removed; the exit code is 1 if one was."""
    verified = await client.citrine.audit.VerifyAuditRecords(VerifyAuditRecordsRequest(), timeout=600)
    if client.out.as_json:
        client.out.message(verified)
    else:
        for problem in verified.problems:
            client.out.line(f"record {problem.number} of chain {problem.chain_id}: {problem.description}")
    if verified.problems:
        raise CliError(f"the audit is not as it was stored: {len(verified.problems)} records differ")
    if not client.out.as_json:
        chains = "1 chain" if verified.chains == 1 else f"{verified.chains} chains"
        client.out.line(f"as stored: {verified.records} records in {chains}")


def _who(record: AuditRecord) -> str:
    return record.caller_name or record.caller_id or "(nobody known)"
