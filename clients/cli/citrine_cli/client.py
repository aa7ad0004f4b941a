"""Commands that call a core: their common options, their connection and their errors."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar, get_args, get_type_hints

import grpc
import typer
from google.protobuf.message import Message
from grpc.aio import UnaryUnaryMultiCallable

from citrine_cli.acting_tenant import check_tenant
from citrine_cli.common_options import (
    CaOption,
    CoreOption,
    IdempotencyKeyOption,
    JsonOption,
    KeyFileOption,
    KeyOption,
    NoColorOption,
    TenantOption,
    TlsOption,
    TokenFileOption,
)
from citrine_cli.completion import with_completion
from citrine_cli.connection import DEFAULT_KEY_FILE, Connection
from citrine_cli.errors import CliError, NotThere, UsageError
from citrine_cli.forms import DurationOption, duration_default
from citrine_cli.output import Output
from citrine_cli.progress import is_seen
from citrine_cli.station_selectors import AtLocation, InGroup, check_places
from citrine_cli.statuses import sentence
from citrine_sdk import Citrine, pages

if TYPE_CHECKING:
    from citrine_cli.waiting import StationWait

__all__ = ["Client", "Limit", "client_command", "collect"]

P = ParamSpec("P")
RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


Limit = Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")]
"""Option of commands that list something, for `collect`."""


@dataclass(frozen=True)
class Client:
    """The client, connection and output of a command."""

    citrine: Citrine
    out: Output


async def collect(
    method: UnaryUnaryMultiCallable[RequestT, ResponseT], request: RequestT, limit: int = 0
) -> AsyncIterator[ResponseT]:
    """Yield the pages of a list, with at most `limit` items in all; 0 is all."""
    if limit < 0:
        raise UsageError("--limit: expected a number; 0 is all")
    request.page_size = min(limit or 1000, 1000)  # type: ignore[attr-defined]  # each list request has one
    left = limit
    async for page in pages(method, request):
        (field,) = (field for field in page.DESCRIPTOR.fields if field.name != "next_page_token")
        items = getattr(page, field.name)
        if limit:
            del items[left:]
            left -= len(items)
        yield page
        if limit and left <= 0:
            return


_OF_LISTS = {
    "wide": Annotated[bool, typer.Option("--wide", help="Print the table as wide as it is.")],
    "columns": Annotated[str, typer.Option("--columns", metavar="A,B", help="Print these columns alone.")],
}

_OF_READERS = {
    "watched": Annotated[bool, typer.Option("--watch", help="Show it again when it changes, until Ctrl-C.")],
    "watch_interval": Annotated[float, DurationOption("--interval", help="With --watch: how long between two looks.")],
}

_PLACES: Mapping[object, str] = {AtLocation: "locations", InGroup: "groups"}
"""Options that select stations by what exists."""

_COMMON = {
    "core": CoreOption,
    "key": KeyOption,
    "key_file": KeyFileOption,
    "token_file": TokenFileOption,
    "tenant": TenantOption,
    "tls": TlsOption,
    "ca_file": CaOption,
    "idempotency_key": IdempotencyKeyOption,
    "as_json": JsonOption,
    "no_color": NoColorOption,
}

_UNSAID: Mapping[str, object] = {
    "tls": False,
    "as_json": False,
    "no_color": False,
    "wide": False,
    "columns": "",
    "watched": False,
    "watch_interval": 2.0,
}


def _keyword(name: str, hint: object, default: object = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=duration_default(hint, default)
    )


def _flags(hint: object) -> set[str]:
    # In an annotation, typer has the first flag as the default.
    given = ((getattr(one, "default", None), *(getattr(one, "param_decls", None) or ())) for one in get_args(hint)[1:])
    return {flag for flags in given for flag in flags if isinstance(flag, str) and flag.startswith("-")}


def _said_here(ctx: typer.Context, name: str, value: object) -> object:
    # Options before the command read the variables, too. There, an option takes precedence over its variable.
    source = ctx.get_parameter_source(name)
    return None if source is not None and source.name == "ENVIRONMENT" else value


def _merged(given: object, options: dict[str, object]) -> Connection:
    # Options of the command override those before it.
    base = given if isinstance(given, Connection) else Connection()
    said = {name: value for name, value in options.items() if value or (name == "key" and value is not None)}
    return replace(base, **said)  # type: ignore[arg-type]


async def _run(
    connection: Connection, out: Output, work: Callable[[Client], Awaitable[None]], *, of_tenant: bool, acts: bool
) -> None:
    key = connection.secret()
    if key is None:
        raise CliError(f"no API key: give --key or --key-file, set CITRINE_KEY, or put one into {DEFAULT_KEY_FILE}")
    async with AsyncExitStack() as stack:
        wait = _station_wait(out)
        try:
            citrine = await stack.enter_async_context(
                Citrine(
                    connection.cores(),
                    key=key,
                    tenant=connection.tenant,
                    tls=connection.tls,
                    ca_file=connection.ca_file,
                    interceptors=[wait] if wait else [],
                    idempotency_key=connection.idempotency_key,
                )
            )
        except ValueError as error:
            # The SDK raises ValueError for a malformed address.
            raise UsageError(str(error)) from error
        if wait:
            wait.citrine = citrine
        try:
            if of_tenant and not connection.tenant:
                await check_tenant(citrine, acts=acts)
            await work(Client(citrine=citrine, out=out))
        except grpc.aio.AioRpcError as error:
            raise CliError(await _said(citrine, error, sentence(error, connection.cores()))) from error
        except NotThere as error:
            raise CliError(await _said(citrine, error, str(error))) from error
        except ValueError as error:
            raise _unsayable(error) from error


def _station_wait(out: Output) -> "StationWait | None":
    """Return the interceptor that shows on a terminal that a station has not answered yet, or None."""
    if out.as_json or not is_seen():
        return None
    # Imported here, because only terminals need it.
    from citrine_cli.waiting import StationWait

    return StationWait()


async def _said(citrine: Citrine, error: grpc.aio.AioRpcError | NotThere, said: str) -> str:
    """Return the sentence of an error. If it is about a missing resource, similar ids are added."""
    if not isinstance(error, NotThere) and error.code() is not grpc.StatusCode.NOT_FOUND:
        return said
    # Imported here, because few commands need it.
    from citrine_cli.near_ids import with_near_ids

    return await with_near_ids(citrine, said, error)


def _watched(
    work: Callable[[Client], Awaitable[None]], watched: object = False, watch_interval: object = 0.0
) -> Callable[[Client], Awaitable[None]]:
    """Return the command's coroutine, repeated if --watch is given."""
    if not watched:
        return work
    # Imported here, because few commands need it.
    from citrine_cli.watching import watch

    assert isinstance(watch_interval, float)
    return lambda client: watch(lambda: work(client), watch_interval, as_json=client.out.as_json)


def _after_check(work: Callable[..., Awaitable[None]], places: dict[str, Any]) -> Callable[..., Awaitable[None]]:
    """Return a command that fails if its options name a location or group that does not exist."""

    async def checked(client: Client, **options: object) -> None:
        await check_places(client.citrine, places.get("locations"), places.get("groups"))
        await work(client, **options)

    return checked


def _unsayable(error: ValueError) -> Exception:
    """Return a UsageError for a number out of range of its protobuf field or for invalid UTF-8, else the error."""
    number = str(error).removeprefix("Value out of range: ")
    if number != str(error):
        return UsageError(f"{number} is too large or too small a number here")
    if isinstance(error, UnicodeEncodeError):
        return UsageError(f"{error.object!r} is not UTF-8")
    return error


def client_command(
    app: typer.Typer, name: str, *, of_tenant: bool = True
) -> Callable[[Callable[Concatenate[Client, P], Awaitable[None]]], Callable[..., None]]:
    """Register a coroutine as a command with the common options. Its first argument is a connected client.

    Args:
        app: The app to which the command is added.
        name: Name of the command.
        of_tenant: Whether the command acts on one tenant, unless its option `operator` is set.
    """

    def decorate(work: Callable[Concatenate[Client, P], Awaitable[None]]) -> Callable[..., None]:
        @functools.wraps(work)
        def command(ctx: typer.Context, **options: object) -> None:
            said = {name: _said_here(ctx, name, options.pop(name)) for name in common}
            look: dict[str, Any] = {name: options.pop(name) for name in look_options}
            run: Callable[..., Awaitable[None]] = work
            connection = _merged(ctx.obj, said)
            watching = {name: options.pop(name) for name in reader_options}
            out = Output(as_json=connection.as_json, no_color=connection.no_color, **look)
            asks = of_tenant and not options.get("operator")
            places = {given: options[name] for name, given in selecting.items() if options[name]}
            if places:
                run = _after_check(work, places)
            done = _watched(functools.partial(run, **options), **watching)
            asyncio.run(_run(connection, out, done, of_tenant=asks, acts=not only_looks))

        own = list(inspect.signature(work).parameters.values())[1:]
        typed = get_type_hints(work, include_extras=True)
        selecting = {name: _PLACES[hint] for name, hint in typed.items() if hint in _PLACES}
        hints = {name: with_completion(work.__name__, name, hint) for name, hint in typed.items()}
        # A command may have an option of its own by the same flag; the common one then stands before the command.
        own_flags = {flag for hint in hints.values() for flag in _flags(hint)}
        common = {name: hint for name, hint in _COMMON.items() if own_flags.isdisjoint(_flags(hint))}
        # Commands that list something have an int option `limit`. (That of a charging profile is a float.)
        look_options = _OF_LISTS if get_args(hints.get("limit"))[:1] == (int,) else {}
        purpose = inspect.getdoc(work) or ""
        shows = purpose.startswith(("List ", "Show "))
        only_looks = shows or purpose.startswith(("Print ", "Say "))
        # Commands with one of these wait by themselves, or set an interval.
        reader_options = _OF_READERS if shows and not {"interval", "timeout"} & hints.keys() else {}
        parameters = [
            _keyword("ctx", typer.Context),
            *(_keyword(parameter.name, hints[parameter.name], parameter.default) for parameter in own),
            *(
                _keyword(option, hint, _UNSAID.get(option))
                for option, hint in {**look_options, **reader_options, **common}.items()
            ),
        ]
        # Typer reads the options of a command from its signature.
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name)(command)
        return command

    return decorate
