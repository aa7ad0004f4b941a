"""`citrine ocpi tariff`: what partners read of the core's tariffs."""

from collections.abc import Iterator

import grpc
import typer

from citrine_cli.errors import CliError
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.running import JsonFlag, connect, output_of, run
from citrine_ocpi.modules.tariffs.catalog import Catalog, Offer, Offers
from citrine_ocpi.modules.tariffs.mapping import NotExpressible, express
from citrine_ocpi.transport import Version

__all__ = ["build_tariffs"]


def build_tariffs() -> typer.Typer:
    """Return the commands of `citrine ocpi tariff`."""
    app = typer.Typer(help="Tariffs, as partners read them: list.")
    app.command("list")(list_tariffs)
    # A group with one command is still a group.
    app.callback()(lambda: None)
    return app


def list_tariffs(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the tariffs of the core: which partners are shown, what is approximated, and what OCPI can't say."""
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        rows = [*_rows(await _offers(office))]
        if out.as_json:
            names = ("tariff_id", "version", "state", "reasons")
            out.json([dict(zip(names, row, strict=True)) for row in rows])
            return
        shown = [[tariff, version, state, "; ".join(reasons)] for tariff, version, state, reasons in rows]
        out.table(["tariff", "version", "state", "why"], shown, empty="no tariffs")

    run(work)


async def _offers(office: Office) -> Offers:
    try:
        async with connect() as citrine:
            offers = await Catalog(citrine, office.partners).read()
    except grpc.aio.AioRpcError as error:
        raise CliError(error.details() or error.code().name) from error
    if offers.party is None:
        raise CliError("we have no party yet: citrine ocpi party set")
    return offers


def _rows(offers: Offers) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield each tariff in each version: its state, and why it is not as the core has it."""
    for offer in offers.offers:
        for version in Version:
            state, reasons = _state(offer, offers, version)
            yield offer.tariff.tariff_id, str(version), state, reasons


def _state(offer: Offer, offers: Offers, version: Version) -> tuple[str, list[str]]:
    assert offers.party is not None
    tariff, party = offer.tariff, offers.party
    try:
        expressed = express(
            tariff, party.country_code, party.party_id, version, offers.zones, tariff.update_time.ToDatetime()
        )
    except NotExpressible as error:
        return "not shown", [*error.reasons]
    if not offer.assignments:
        return "not shown", ["it is assigned to nobody"]
    return ("approximated" if expressed.approximations else "shown"), [*expressed.approximations]
