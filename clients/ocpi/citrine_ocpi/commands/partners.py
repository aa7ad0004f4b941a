"""`citrine ocpi partner`: who we roam with."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import CliError, UsageError
from citrine_cli.output import Output
from citrine_cli.up.files import write_private
from citrine_ocpi.adapter import Office
from citrine_ocpi.commands.consent import accept, set_partner
from citrine_ocpi.commands.locations import locations
from citrine_ocpi.commands.running import JsonFlag, connect, output_of, run
from citrine_ocpi.modules.tokens.suspensions import OwnerSuspensions
from citrine_ocpi.modules.tokens.withdrawal import withdraw_tokens
from citrine_ocpi.partner import Partner, PartnerParty
from citrine_ocpi.transport.authorization import is_credentials_token
from citrine_ocpi.transport.envelope import time_text
from citrine_ocpi.transport.status import Version

__all__ = ["build_partners"]

PartnerArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the partner is called here.")]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="Write the token there, for you alone, and do not print it."),
]
VersionOption = Annotated[
    str, typer.Option("--version", metavar="VERSION", help="One of 2.2.1, 2.3.0; unset: the newest of both sides.")
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")


def build_partners() -> typer.Typer:
    """Return the commands of `citrine ocpi partner`."""
    app = typer.Typer(
        help="Partners of roaming: add, list, show, set, accept, register, rotate, invite, suspend, resume, remove,"
        " locations.",
    )
    app.command("add")(add)
    app.command("list")(list_partners)
    app.command("show")(show)
    app.command("set")(set_partner)
    app.command("accept")(accept)
    app.command("register")(register)
    app.command("rotate")(rotate)
    app.command("invite")(invite)
    app.command("suspend")(suspend)
    app.command("resume")(resume)
    app.command("remove")(remove)
    app.command("locations")(locations)
    return app


def add(
    ctx: typer.Context,
    name: PartnerArgument,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="The partner's versions endpoint, if it gave us a token.")
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="PATH", help="File with the partner's token A; - is stdin.")
    ] = None,
    file: FileOption = None,
    raw_token: Annotated[
        bool, typer.Option("--raw-token", help="Tokens stand in headers as they are, and not in base64.")
    ] = False,
    hub: Annotated[
        bool, typer.Option("--hub", help="It may be a hub: it says who is behind it, and sees what is theirs.")
    ] = False,
    broadcast: Annotated[
        bool, typer.Option("--broadcast", help="The hub sends on to all behind it what they all may see (--hub).")
    ] = False,
) -> None:
    """Add a partner, and print the token A with which it registers; or store the one that it gave us.

    With --url and --token-file `citrine ocpi partner register` is next. Without, send the partner the URL and the
    token that are printed.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("NAME: expected 1 to 36 letters, digits, dots, hyphens and underscores")
    if bool(url) is not bool(token_file):
        raise UsageError("--url and --token-file belong together")
    if broadcast and not hub:
        raise UsageError("--broadcast: only with --hub")
    token = "" if token_file is None else _token(token_file)
    out = output_of(ctx, False)

    async def work(office: Office) -> None:
        issued = await office.administration.add(
            name, versions_url=url, token=token, is_raw=raw_token, is_hub=hub, is_broadcast=broadcast
        )
        out.line(f"partner {name} added")
        if not issued:
            out.line(f"citrine ocpi partner register {name} registers us there", style="dim")
            return
        _print_invitation(out, office, issued, file)

    run(work)


def _print_invitation(out: Output, office: Office, token: str, file: Path | None) -> None:
    out.line(f"versions URL: {office.registration.versions_url}", is_whole=True)
    if file is not None:
        try:
            write_private(file, f"{token}\n")
        except OSError as error:
            raise CliError(
                f"--file: {file} can't be written: citrine ocpi partner invite prints another token"
            ) from error
        out.line(f"token A: in {file}")
        return
    out.line(f"token A: {token}", is_whole=True)
    out.line("It is shown only now, and good until the partner has registered.", style="dim")


def _token(file: Path) -> str:
    try:
        token = (sys.stdin.read() if str(file) == "-" else file.read_text(encoding="ascii")).strip()
    except (OSError, UnicodeError) as error:
        raise CliError(f"--token-file: {file} can't be read") from error
    if not is_credentials_token(token):
        raise UsageError("--token-file: expected 1 to 64 printable characters of ASCII without blanks")
    return token


def _state(partner: Partner) -> str:
    if partner.is_suspended:
        return "suspended"
    return "registered" if partner.is_registered else "waits for its registration"


def _json(partner: Partner) -> dict[str, Any]:
    return {
        "partner": partner.partner_id,
        "state": "suspended" if partner.is_suspended else "registered" if partner.is_registered else "unregistered",
        "version": None if partner.version is None else str(partner.version),
        "versions_url": partner.versions_url,
        "raw_token": partner.is_raw,
        "hub": None if partner.hub is None else str(partner.hub),
        "broadcast": partner.is_broadcast,
        "register_time": None if partner.register_time is None else time_text(partner.register_time),
        "may_be_hub": partner.may_be_hub,
        "parties": _parties(partner.parties),
        "waiting_parties": _parties(partner.waiting_parties),
        "endpoints": [{"module": one.module, "role": str(one.role), "url": one.url} for one in partner.endpoints],
    }


def _parties(parties: Sequence[PartnerParty]) -> list[dict[str, str]]:
    return [{"party": str(one.party), "role": one.role, "name": one.name} for one in parties]


def list_partners(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the partners."""
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        found = await office.partners.list_all()
        if out.as_json:
            out.json([_json(one) for one in found])
            return
        rows = [
            [
                one.partner_id,
                _state(one),
                str(one.version or ""),
                ", ".join(
                    [
                        *(f"{party.party} {party.role}" for party in one.parties),
                        *(f"{party.party} {party.role} waits" for party in one.waiting_parties),
                    ]
                ),
            ]
            for one in found
        ]
        out.table(["partner", "state", "version", "parties"], rows, empty="no partners: citrine ocpi partner add")

    run(work)


def show(ctx: typer.Context, name: PartnerArgument, as_json: JsonFlag = False) -> None:
    """Show a partner: its parties and endpoints."""
    out = output_of(ctx, as_json)

    async def work(office: Office) -> None:
        partner = await office.administration.get(name)
        if out.as_json:
            out.json(_json(partner))
            return
        out.facts(
            {
                "partner": partner.partner_id,
                "state": _state(partner),
                "version": str(partner.version or ""),
                "versions URL": partner.versions_url,
                "tokens": "raw" if partner.is_raw else "base64",
                "registered": "" if partner.register_time is None else time_text(partner.register_time),
                "hub": "agreed" if partner.may_be_hub else "",
                "parties": {f"{one.party} {one.role}": one.name for one in partner.parties},
                "waiting parties": {f"{one.party} {one.role}": one.name for one in partner.waiting_parties},
                "endpoints": {f"{one.module} {one.role.lower()}": one.url for one in partner.endpoints},
            }
        )

    run(work)


def _version(text: str) -> Version | None:
    if text and text not in set(Version):
        raise UsageError(f"--version: expected one of {', '.join(Version)}")
    return Version(text) if text else None


def register(ctx: typer.Context, name: PartnerArgument, version: VersionOption = "") -> None:
    """Register us at a partner by the token A that it gave us. The adapter must run: the partner calls it meanwhile."""
    wanted, out = _version(version), output_of(ctx, False)

    async def work(office: Office) -> None:
        partner = await office.registration.register(await office.administration.get(name), wanted)
        out.line(f"registered at {name} by OCPI {partner.version}")

    run(work)


def rotate(ctx: typer.Context, name: PartnerArgument, version: VersionOption = "") -> None:
    """Change the tokens of both sides, tell the partner our parties anew, and go to another version if one is said.

    The adapter must run: the partner calls it meanwhile.
    """
    wanted, out = _version(version), output_of(ctx, False)

    async def work(office: Office) -> None:
        partner = await office.registration.rotate(await office.administration.get(name), wanted)
        out.line(f"the tokens of {name} were changed; OCPI {partner.version}")

    run(work)


def invite(ctx: typer.Context, name: PartnerArgument, file: FileOption = None, yes: Yes = False) -> None:
    """Print a new token A for a partner. If it was registered, it has to do so again."""
    out = output_of(ctx, False)

    async def work(office: Office) -> None:
        partner = await office.administration.get(name)
        if partner.is_registered:
            await _ask(f"end the registration of {name}, so that it registers anew?", yes=yes)
        _print_invitation(out, office, await office.administration.invite(name), file)

    run(work)


def suspend(ctx: typer.Context, name: PartnerArgument) -> None:
    """Have nothing be exchanged with a partner until `resume`: its calls are refused, what is for it waits.

    Its tokens do not charge meanwhile, whatever they say.
    """
    _suspend(ctx, name, is_suspended=True)


def resume(ctx: typer.Context, name: PartnerArgument) -> None:
    """Go on with a partner that was suspended."""
    _suspend(ctx, name, is_suspended=False)


def _suspend(ctx: typer.Context, name: str, *, is_suspended: bool) -> None:
    out = output_of(ctx, False)

    async def work(office: Office) -> None:
        await office.administration.suspend(name, is_suspended=is_suspended)
        out.line(f"partner {name} {'suspended' if is_suspended else 'resumed'}")
        if not (await office.administration.get(name)).owned_parties():
            return
        try:
            async with connect() as citrine:
                await OwnerSuspensions(office.database, office.partners).report(citrine)
        except (grpc.aio.AioRpcError, OSError) as error:
            out.line(f"the core could not be reached ({_problem(error)}): an adapter that runs does so", style="dim")

    run(work)


def remove(
    ctx: typer.Context,
    name: PartnerArgument,
    yes: Yes = False,
    unnotified: Annotated[
        bool, typer.Option("--unnotified", help="Do not end the registration at the partner.")
    ] = False,
) -> None:
    """Remove a partner for good, with what waits for it, and end the registration at its side."""
    out = output_of(ctx, False)

    async def work(office: Office) -> None:
        await office.administration.get(name)
        await _ask(f"remove partner {name} with all that waits for it, for good?", yes=yes)
        tokens = await _withdraw(office, name)
        problem = await office.administration.remove(name, is_notified=not unnotified)
        out.line(f"partner {name} removed" + (f"; it could not be notified: {problem}" if problem else ""))
        if tokens:
            out.line(f"tokens that are not valid any more: {tokens}")

    run(work)


async def _withdraw(office: Office, name: str) -> int:
    """Have the core refuse the tokens of a partner, and return how many. Until it is removed it is suspended."""
    await office.administration.suspend(name, is_suspended=True)
    partner, own = await office.administration.get(name), await office.partners.own_parties()
    try:
        return await withdraw_tokens(office.database, partner.owned_parties() - {*own}, connect)
    except (grpc.aio.AioRpcError, OSError) as error:
        raise CliError(
            f"the core could not be reached to end the tokens of {name} ({_problem(error)}); it is suspended: "
            "remove it again"
        ) from error


def _problem(error: grpc.aio.AioRpcError | OSError) -> str:
    return error.code().name if isinstance(error, grpc.aio.AioRpcError) else str(error)


async def _ask(question: str, *, yes: bool) -> None:
    async def look() -> None:
        return

    await ask_consent(question, yes=yes, look=look)
