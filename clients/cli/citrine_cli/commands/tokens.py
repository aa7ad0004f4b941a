"""`citrine token`: the identification tokens of drivers."""

from typing import Annotated, Any

import typer
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_ACCEPTED,
    TOKEN_STATUS_BLOCKED,
    AddCreditRequest,
    CreateTokenRequest,
    DeleteTokenRequest,
    GetTokenRequest,
    Token,
    TokenRules,
    TokenStatus,
    UpdateTokenRequest,
)
from citrine_cli.client import Client, client_command
from citrine_cli.commands import token_files, token_owners
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import UsageError
from citrine_cli.forms import DurationOption
from citrine_cli.limits import MaxCost, MaxEnergy, MaxTime, parse_limit
from citrine_cli.named_things import check_station
from citrine_cli.token_contracts import (
    Contract,
    Issuer,
    Owner,
    Preference,
    Valid,
    VisualNumber,
    Whitelist,
    contract_fields,
)
from citrine_cli.token_rules import parse_rules
from citrine_cli.token_types import MaybeType, TokenId, TokenType, type_name
from citrine_cli.token_views import list_tokens, prepaid_words, show_token
from citrine_words.times import OF_LOCATION
from citrine_words.values import parse_time

__all__ = ["build"]

Language = Annotated[str, typer.Option("--language", metavar="TAG", help="Of the driver, e.g. de.")]
SecondLanguage = Annotated[str, typer.Option("--second-language", metavar="TAG", help="Fallback language.")]
Message = Annotated[str, typer.Option("--message", metavar="TEXT", help="Shown to the driver.")]
Priority = Annotated[int, typer.Option("--priority", metavar="N", help="From -9 to 9; higher is more.")]
CacheTime = Annotated[
    int | None,
    DurationOption("--cache-time", whole=True, help="How long stations may remember it; 0 is not at all."),
]
Places = Annotated[
    list[str], typer.Option("--at", metavar="STATION[:EVSE,…]", help="It may charge there only; repeatable.")
]
Connectors = Annotated[
    list[str], typer.Option("--connector", metavar="TYPE", help="It may use such connectors only; repeatable.")
]
Times = Annotated[
    list[str],
    typer.Option("--time", metavar="SPAN", help='It may charge then only: "Mon-Fri 08:00-18:00"; repeatable.'),
]
Zone = Annotated[
    str,
    typer.Option("--zone", metavar="ZONE", help="Time zone of --time: Europe/Amsterdam.", show_default=OF_LOCATION),
]
MaxTransactions = Annotated[
    int, typer.Option("--max-transactions", metavar="N", help="That it may have at a time; 0 is any number.")
]
MaybeMaxTransactions = Annotated[
    int | None, typer.Option("--max-transactions", metavar="N", help="That it may have at a time; 0 is any number.")
]
NoCredit = Annotated[bool, typer.Option("--no-credit", help="Its driver can't pay.")]


HELP = "Tokens of drivers: add, set, list, show, credit, remove, import, export, suspend, resume, suspensions."

_STATUSES = {"accepted": TOKEN_STATUS_ACCEPTED, "blocked": TOKEN_STATUS_BLOCKED}


def build() -> typer.Typer:
    """Return the commands of `citrine token`."""
    app = typer.Typer(help=HELP)
    client_command(app, "add")(add_token)
    client_command(app, "set")(set_token)
    client_command(app, "list")(list_tokens)
    client_command(app, "show")(show_token)
    client_command(app, "credit")(add_credit)
    client_command(app, "remove")(remove_token)
    token_files.add_commands(app)
    token_owners.add_commands(app)
    return app


def _status(text: str) -> TokenStatus.ValueType:
    if text.lower() not in _STATUSES:
        raise UsageError(f"--status: {text!r} is neither Accepted nor Blocked")
    return _STATUSES[text.lower()]


async def _check_places(client: Client, rules: TokenRules) -> None:
    for place in rules.places:
        await check_station(client, place.station_id, place.evse_ids)


async def add_token(
    client: Client,
    id_token: TokenId,
    token_type: TokenType,
    status: Annotated[str, typer.Option("--status", metavar="S", help="Accepted or Blocked.")] = "Accepted",
    group: Annotated[str, typer.Option("--group", metavar="G", help="Tokens of a group may stop each other.")] = "",
    expires: Annotated[str | None, typer.Option("--expires", metavar="TIME", help="Not valid from then on.")] = None,
    master_pass: Annotated[bool, typer.Option("--master-pass", help="It may stop, and not start, any.")] = False,
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="For people.")] = "",
    language: Language = "",
    second_language: SecondLanguage = "",
    message: Message = "",
    priority: Priority = 0,
    cache_time: CacheTime = None,
    places: Places = [],  # noqa: B006  # typer takes a list as its own
    connectors: Connectors = [],  # noqa: B006
    times: Times = [],  # noqa: B006
    zone: Zone = "",
    max_transactions: MaxTransactions = 0,
    no_credit: NoCredit = False,
    max_cost: MaxCost = "",
    max_energy: MaxEnergy = 0.0,
    max_time: MaxTime = 0.0,
    contract: Contract = None,
    issuer: Issuer = None,
    visual_number: VisualNumber = None,
    whitelist: Whitelist = None,
    preference: Preference = None,
    owner: Owner = None,
    valid: Valid = None,
) -> None:
    """Register a token. Rules say where, when and how often it may charge."""
    if cache_time is not None and cache_time < 0:
        raise UsageError("--cache-time must be 0 or more seconds")
    rules = parse_rules(places, connectors, times, zone, max_transactions, no_credit)
    await _check_places(client, rules)
    token = Token(
        id_token=id_token,
        type=type_name(token_type),
        status=_status(status),
        group_id=group,
        expire_time=parse_time("--expires", expires) if expires else None,
        master_pass=master_pass,
        description=description,
        language=language,
        second_language=second_language,
        message=message,
        charging_priority=priority,
        cache_time=None if cache_time is None else Duration(seconds=cache_time),
        rules=rules if rules.ByteSize() else None,
        limit=parse_limit(max_cost, max_energy, max_time),
    )
    of_contract = contract_fields(contract, issuer, visual_number, whitelist, preference, owner, valid)
    for name, value in of_contract.items():
        setattr(token, name, value)
    created = await client.citrine.tokens.CreateToken(CreateTokenRequest(token=token))
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"token {created.id_token} of type {created.type} added to tenant {created.tenant_id}")


def _change(token: Token, given: dict[str, Any], expires: str | None, cache_time: int | None) -> list[str]:
    """Set the given fields of a token, and return their names."""
    fields = [name for name, value in given.items() if value is not None]
    for name in fields:
        setattr(token, name, given[name])
    if expires is not None:
        fields.append("expire_time")
        if expires:
            token.expire_time.CopyFrom(parse_time("--expires", expires))
    if cache_time is not None:
        fields.append("cache_time")
        if cache_time < -1:
            raise UsageError("--cache-time must be 0 or more seconds, or -1 for as long as stations like")
        if cache_time >= 0:
            token.cache_time.CopyFrom(Duration(seconds=cache_time))
    return fields


async def set_token(
    client: Client,
    id_token: TokenId,
    token_type: TokenType,
    status: Annotated[str | None, typer.Option("--status", metavar="S", help="Accepted or Blocked.")] = None,
    group: Annotated[str | None, typer.Option("--group", metavar="G", help='Its group; "" for none.')] = None,
    expires: Annotated[str | None, typer.Option("--expires", metavar="TIME", help='When; "" for never.')] = None,
    master_pass: Annotated[bool | None, typer.Option("--master-pass/--no-master-pass", help="Stops any.")] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="TAG", help='Of the driver, e.g. de; "": none.')
    ] = None,
    second_language: Annotated[
        str | None, typer.Option("--second-language", metavar="TAG", help='To fall back on; "": none.')
    ] = None,
    message: Annotated[
        str | None, typer.Option("--message", metavar="TEXT", help='Shown to the driver; "": none.')
    ] = None,
    priority: Annotated[int | None, typer.Option("--priority", metavar="N", help="From -9 to 9.")] = None,
    cache_time: Annotated[
        int | None,
        DurationOption(
            "--cache-time", whole=True, help="How long stations may remember it; -1 is as long as they like."
        ),
    ] = None,
    places: Places = [],  # noqa: B006
    connectors: Connectors = [],  # noqa: B006
    times: Times = [],  # noqa: B006
    zone: Zone = "",
    max_transactions: MaybeMaxTransactions = None,
    no_credit: NoCredit = False,
    no_rules: Annotated[bool, typer.Option("--no-rules", help="It may charge anywhere and at any time.")] = False,
    max_cost: MaxCost = "",
    max_energy: MaxEnergy = 0.0,
    max_time: MaxTime = 0.0,
    contract: Contract = None,
    issuer: Issuer = None,
    visual_number: VisualNumber = None,
    whitelist: Whitelist = None,
    preference: Preference = None,
    owner: Owner = None,
    valid: Valid = None,
    no_limit: Annotated[bool, typer.Option("--no-limit", help="Its transactions may take any.")] = False,
) -> None:
    """Change a token. Omitted options remain as they are; given rules replace all rules."""
    token = Token(id_token=id_token, type=type_name(token_type))
    given = {
        "group_id": group,
        "master_pass": master_pass,
        "language": language,
        "second_language": second_language,
        "message": message,
        "charging_priority": priority,
        "status": None if status is None else _status(status),
        **contract_fields(contract, issuer, visual_number, whitelist, preference, owner, valid),
    }
    fields = _change(token, given, expires, cache_time)
    rules = parse_rules(places, connectors, times, zone, max_transactions or 0, no_credit)
    await _check_places(client, rules)
    if no_rules or rules.ByteSize() or max_transactions is not None:
        fields.append("rules")
        token.rules.CopyFrom(rules)
    limit = parse_limit(max_cost, max_energy, max_time)
    if limit is not None or no_limit:
        fields.append("limit")
        if limit is not None:
            token.limit.CopyFrom(limit)
    if not fields:
        raise UsageError("nothing is given to change")
    changed = await client.citrine.tokens.UpdateToken(
        UpdateTokenRequest(token=token, update_mask=FieldMask(paths=fields))
    )
    if client.out.as_json:
        client.out.message(changed)
        return
    client.out.line(f"token {changed.id_token} of type {changed.type} changed")


async def add_credit(
    client: Client,
    id_token: TokenId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="With tax: 20.00.")],
    token_type: MaybeType = "",
) -> None:
    """Add credit to a token. The token is a prepaid one from then on."""
    request = AddCreditRequest(id_token=id_token, type=type_name(token_type), amount=amount)
    changed = await client.citrine.tokens.AddCredit(request)
    if client.out.as_json:
        client.out.message(changed)
        return
    client.out.line(f"{prepaid_words(changed)} for token {changed.id_token}")


async def remove_token(client: Client, id_token: TokenId, token_type: MaybeType = "", yes: Yes = False) -> None:
    """Remove a token. It is unknown from then on."""
    shown = GetTokenRequest(id_token=id_token, type=type_name(token_type))
    await ask_consent(f"remove token {id_token}?", yes=yes, look=lambda: client.citrine.tokens.GetToken(shown))
    request = DeleteTokenRequest(id_token=id_token, type=type_name(token_type))
    answer = await client.citrine.tokens.DeleteToken(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"token {id_token} removed")
