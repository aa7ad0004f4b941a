"""`citrine refused` and `citrine tolerance`: refused messages of stations, and tolerance rules."""

from typing import Annotated

import typer

from citrine.api.v1.refusals_pb2 import (
    REFUSAL_OUTCOME_DELAYED,
    REFUSAL_OUTCOME_DROPPED,
    REFUSAL_OUTCOME_MENDED,
    REFUSAL_OUTCOME_REFUSED,
    REFUSAL_OUTCOME_TOLERATED,
    REFUSAL_OUTCOME_UNSPECIFIED,
    TOLERANCE_KIND_EMPTY_VALUES,
    TOLERANCE_KIND_EXTRA_FIELDS,
    TOLERANCE_KIND_LONG_STRINGS,
    DeleteToleranceRuleRequest,
    ForgetRefusalsRequest,
    ListRefusalsRequest,
    ListToleranceRulesRequest,
    Refusal,
    RefusalOutcome,
    SetToleranceRuleRequest,
    ToleranceKind,
    ToleranceRule,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import NotThere, UsageError
from citrine_cli.words import count, enum_word, time_word

__all__ = ["build", "build_tolerance", "refusal_words"]

_OUTCOMES = {
    "": REFUSAL_OUTCOME_UNSPECIFIED,
    "refused": REFUSAL_OUTCOME_REFUSED,
    "dropped": REFUSAL_OUTCOME_DROPPED,
    "mended": REFUSAL_OUTCOME_MENDED,
    "tolerated": REFUSAL_OUTCOME_TOLERATED,
    "delayed": REFUSAL_OUTCOME_DELAYED,
}

_KINDS = {
    "empty-values": TOLERANCE_KIND_EMPTY_VALUES,
    "long-strings": TOLERANCE_KIND_LONG_STRINGS,
    "extra-fields": TOLERANCE_KIND_EXTRA_FIELDS,
}

RuleId = Annotated[str, typer.Argument(metavar="NAME", help="Name of the rule.")]


def build() -> typer.Typer:
    """Return the commands of `citrine refused`."""
    app = typer.Typer(help="Messages of stations that were refused, dropped, mended or tolerated: list, forget.")
    client_command(app, "list")(list_refusals)
    client_command(app, "forget")(forget_refusals)
    return app


def build_tolerance() -> typer.Typer:
    """Return the commands of `citrine tolerance`."""
    app = typer.Typer(help="What stations of a vendor or model may do against the schema: set, list, remove.")
    client_command(app, "set")(set_rule)
    client_command(app, "list")(list_rules)
    client_command(app, "remove")(remove_rule)
    return app


def refusal_words(refusal: Refusal) -> str:
    """Return the name of the refused messages: "TransactionEvent Ended"."""
    return f"{refusal.action or 'unreadable'}{f' {refusal.event_type}' if refusal.event_type else ''}"


async def list_refusals(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="Only of this OCPP action.")] = "",
    outcome: Annotated[str, typer.Option("--outcome", metavar="WORD", help=f"One of {', '.join(_OUTCOMES)[2:]}.")] = "",
    frames: Annotated[bool, typer.Option("--frames", help="Show the latest message of each, secrets masked.")] = False,
    limit: Limit = 0,
) -> None:
    """List refused, dropped, mended and tolerated messages, the latest first, by station, action, code and path."""
    request = ListRefusalsRequest(station_id=station, action=action, outcome=_outcome(outcome))
    pages = collect(client.citrine.refusals.ListRefusals, request, limit)
    found = [one async for page in pages for one in page.refusals]
    if client.out.as_json:
        client.out.messages(found)
        return
    columns = ["station", "outcome", "message", "code", "problem", "count", "first", "last"]
    client.out.table(
        [*columns, "rule", *(["latest"] if frames else [])],
        (
            [
                one.station_id,
                enum_word(one, "outcome"),
                refusal_words(one),
                one.code,
                one.description,
                count(one.count),
                time_word(one, "first_time"),
                time_word(one, "last_time"),
                one.rule_id,
                *([one.last_frame] if frames else []),
            ]
            for one in found
        ),
        empty="nothing was refused",
    )


async def forget_refusals(
    client: Client, station_id: Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")]
) -> None:
    """Reset the refusals of a station, e.g. when it is repaired. Counts begin anew."""
    answer = await client.citrine.refusals.ForgetRefusals(ForgetRefusalsRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"what was refused of station {station_id} is forgotten")


async def set_rule(
    client: Client,
    rule_id: RuleId,
    kinds: Annotated[
        list[str], typer.Option("--accept", metavar="KIND", help=f"One of {', '.join(_KINDS)}; may be repeated.")
    ],
    vendor: Annotated[str, typer.Option("--vendor", metavar="NAME", help="Stations of this vendor; else of all.")] = "",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Stations of this model; else of all.")] = "",
    actions: Annotated[
        list[str] | None,
        typer.Option(
            "--action",
            metavar="ACTION",
            help="Of this OCPP action; may be repeated. Else TransactionEvent, MeterValues.",
        ),
    ] = None,
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="For people.")] = "",
) -> None:
    """Accept messages that violate the schema. Fields for identity or billing are never changed. Replaces the rule."""
    rule = ToleranceRule(
        rule_id=rule_id,
        vendor_name=vendor,
        model=model,
        actions=actions or (),
        kinds=[_kind(word) for word in kinds],
        description=description,
    )
    answer = await client.citrine.refusals.SetToleranceRule(SetToleranceRuleRequest(rule=rule))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"tolerance rule {rule_id} set for {', '.join(answer.actions)}")


async def list_rules(client: Client, limit: Limit = 0) -> None:
    """List the rules, with the number of their uses."""
    pages = collect(client.citrine.refusals.ListToleranceRules, ListToleranceRulesRequest(), limit)
    found = [one async for page in pages for one in page.rules]
    if client.out.as_json:
        client.out.messages(found)
        return
    names = {number: word for word, number in _KINDS.items()}
    client.out.table(
        ["rule", "vendor", "model", "actions", "accepts", "uses", "last use", "description"],
        (
            [
                one.rule_id,
                one.vendor_name,
                one.model,
                " ".join(one.actions),
                " ".join(names.get(kind, "?") for kind in one.kinds),
                count(one.uses),
                time_word(one, "last_use_time"),
                one.description,
            ]
            for one in found
        ),
        empty="no tolerance rules",
    )


async def remove_rule(client: Client, rule_id: RuleId, yes: Yes = False) -> None:
    """Remove a rule. Messages that it accepted are refused again."""
    await ask_consent(f"remove tolerance rule {rule_id}?", yes=yes, look=lambda: _check_rule(client, rule_id))
    answer = await client.citrine.refusals.DeleteToleranceRule(DeleteToleranceRuleRequest(rule_id=rule_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"tolerance rule {rule_id} removed")


async def _check_rule(client: Client, rule_id: str) -> None:
    pages = collect(client.citrine.refusals.ListToleranceRules, ListToleranceRulesRequest())
    if rule_id not in [rule.rule_id async for page in pages for rule in page.rules]:
        raise NotThere("tolerance rule", rule_id)


def _outcome(word: str) -> RefusalOutcome.ValueType:
    if word not in _OUTCOMES:
        raise UsageError(f"--outcome: expected one of {', '.join(_OUTCOMES)[2:]}")
    return _OUTCOMES[word]


def _kind(word: str) -> ToleranceKind.ValueType:
    if word not in _KINDS:
        raise UsageError(f"--accept: expected one of {', '.join(_KINDS)}")
    return _KINDS[word]
