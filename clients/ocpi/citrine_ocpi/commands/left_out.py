"""`citrine ocpi left-out`: what partners are not shown, since OCPI can't say it."""

from typing import Annotated, Any

import typer

from citrine_cli.errors import UsageError
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.running import JsonFlag, output_of, run
from citrine_ocpi.feed.left_out import LeftOutRepository, LeftOutRow
from citrine_ocpi.transport.envelope import time_text

__all__ = ["build_left_out"]


def build_left_out() -> typer.Typer:
    """Return the commands of `citrine ocpi left-out`."""
    app = typer.Typer(help="What partners are not shown, since OCPI can't say it: list.")
    app.command("list")(list_left_out)
    # A group with one command is still a group.
    app.callback()(lambda: None)
    return app


def _json(row: LeftOutRow) -> dict[str, Any]:
    return {
        "partner": row.partner_id or None,
        "module": row.module,
        "object": row.name,
        "reason": row.reason,
        "times": row.times,
        "first_time": time_text(row.first_time),
        "last_time": time_text(row.last_time),
    }


def list_left_out(
    ctx: typer.Context,
    partner: Annotated[
        str, typer.Option("--partner", metavar="NAME", help="Only what this partner is not shown.")
    ] = "",
    module: Annotated[str, typer.Option("--module", metavar="MODULE", help="Only of this module, as sessions.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """List what partners are not shown, the latest first, with the reason. What is mended is not listed any more."""
    if limit < 0:
        raise UsageError("--limit: expected a number; 0 is all")
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        async with office.database.reading() as session:
            found = await LeftOutRepository(session).list_some(partner, module, limit)
        if out.as_json:
            out.json([_json(row) for row in found])
            return
        rows = [
            [row.module, row.name, row.partner_id or "all", str(row.times), time_text(row.last_time), row.reason]
            for row in found
        ]
        columns = ["module", "object", "partner", "times", "last", "reason"]
        out.table(columns, rows, empty="nothing is left out", remark="reason")

    run(work)
