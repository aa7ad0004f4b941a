"""`citrine ocpi delivery`: what waits for partners, and what was given up."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import CliError, UsageError
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.running import JsonFlag, output_of, run
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.transport.envelope import time_text

__all__ = ["build_deliveries"]

PartnerOption = Annotated[str, typer.Option("--partner", metavar="NAME", help="Only those for this partner.")]
IdsArgument = Annotated[
    list[int] | None, typer.Argument(metavar="ID…", help="Deliveries; none: all that were given up for --partner.")
]


def build_deliveries() -> typer.Typer:
    """Return the commands of `citrine ocpi delivery`."""
    app = typer.Typer(help="What is sent to partners: list, retry, remove.")
    app.command("list")(list_deliveries)
    app.command("retry")(retry)
    app.command("remove")(remove)
    return app


def _json(row: DeliveryRow) -> dict[str, Any]:
    return {
        "id": row.delivery_id,
        "partner": row.partner_id,
        "module": row.module,
        "object": row.object_key,
        "receiver": f"{row.receiver_country}-{row.receiver_party}" if row.receiver_party else "",
        "method": row.method,
        "attempts": row.attempts,
        "create_time": time_text(row.create_time),
        "due_time": None if row.dead_time is not None else time_text(row.due_time),
        "dead_time": None if row.dead_time is None else time_text(row.dead_time),
        "problem": row.problem,
    }


def list_deliveries(
    ctx: typer.Context,
    partner: PartnerOption = "",
    dead: Annotated[
        bool, typer.Option("--dead", help="Those that were given up, in place of those that wait.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """List what waits for partners, or with --dead what was given up, the oldest first."""
    if limit < 0:
        raise UsageError("--limit: expected a number; 0 is all")
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        found = await office.letters.list_some(partner, is_dead=dead, limit=limit)
        if out.as_json:
            out.json([_json(row) for row in found])
            return
        rows = [
            [
                str(row.delivery_id),
                row.partner_id,
                row.object_key,
                row.method,
                str(row.attempts),
                time_text(row.create_time),
                row.problem,
            ]
            for row in found
        ]
        empty = "nothing was given up" if dead else "nothing waits"
        columns = ["id", "partner", "object", "method", "attempts", "since", "problem"]
        out.table(columns, rows, empty=empty, remark="problem")

    run(work)


def retry(ctx: typer.Context, ids: IdsArgument = None, partner: PartnerOption = "") -> None:
    """Have deliveries that were given up be attempted anew, and those that wait at once."""
    out = output_of(ctx, False)

    async def work(office: Office) -> None:
        count = await office.letters.retry(await _ids(office, ids, partner))
        out.line(f"{count} to be delivered now")

    run(work)


def remove(ctx: typer.Context, ids: IdsArgument = None, partner: PartnerOption = "", yes: Yes = False) -> None:
    """Remove deliveries for good: the partner never gets them."""
    out = output_of(ctx, False)

    async def look() -> None:
        return

    async def work(office: Office) -> None:
        wanted = await _ids(office, ids, partner)
        await ask_consent(f"remove {len(wanted)} deliveries, for good?", yes=yes, look=look)
        out.line(f"{await office.letters.remove(wanted)} removed")

    run(work)


async def _ids(office: Office, ids: Sequence[int] | None, partner: str) -> list[int]:
    if ids:
        return [*ids]
    if not partner:
        raise UsageError("ID or --partner is needed")
    found = await office.letters.list_some(partner, is_dead=True)
    if not found:
        raise CliError(f"nothing was given up for {partner}")
    return [row.delivery_id for row in found]
