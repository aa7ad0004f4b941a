"""`citrine tolerance`: what stations may do against the schema, by rule or by the quirk profile of their family."""

from typing import Annotated

import typer

from citrine.api.v1.refusals_pb2 import (
    DeleteToleranceRuleRequest,
    ListToleranceRulesRequest,
    SetToleranceRuleRequest,
    ToleranceKind,
    ToleranceRule,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import NotThere, UsageError
from citrine_words.quirks import find_profile, profiles
from citrine_words.tolerance_kinds import KINDS, kind_words
from citrine_words.words import count, time_word

__all__ = ["build"]

RuleId = Annotated[str, typer.Argument(metavar="NAME", help="Name of the rule.")]


def build() -> typer.Typer:
    """Return the commands of `citrine tolerance`."""
    app = typer.Typer(
        help="What stations of a vendor or model may do against the schema: set, list, remove, profiles, apply."
    )
    client_command(app, "set")(set_rule)
    client_command(app, "list")(list_rules)
    client_command(app, "remove")(remove_rule)
    client_command(app, "profiles")(list_profiles)
    client_command(app, "apply")(apply_profile)
    return app


async def set_rule(
    client: Client,
    rule_id: RuleId,
    kinds: Annotated[
        list[str], typer.Option("--accept", metavar="KIND", help=f"One of {', '.join(KINDS)}; may be repeated.")
    ],
    vendor: Annotated[str, typer.Option("--vendor", metavar="NAME", help="Stations of this vendor; else of all.")] = "",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Stations of this model; else of all.")] = "",
    firmware: Annotated[
        str, typer.Option("--firmware", metavar="VERSION", help='With this firmware; "1.*" is all that begins so.')
    ] = "",
    actions: Annotated[
        list[str] | None,
        typer.Option(
            "--action",
            metavar="ACTION",
            help="Of this OCPP action; may be repeated. Else transactions and meter values.",
        ),
    ] = None,
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="For people.")] = "",
) -> None:
    """Accept messages that violate the schema. Fields for identity or billing are never changed. Replaces the rule."""
    rule = ToleranceRule(
        rule_id=rule_id,
        vendor_name=vendor,
        model=model,
        firmware_version=firmware,
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
    client.out.table(
        ["rule", "vendor", "model", "firmware", "actions", "accepts", "uses", "last use", "description"],
        (
            [
                one.rule_id,
                one.vendor_name,
                one.model,
                one.firmware_version,
                " ".join(one.actions),
                kind_words(one.kinds),
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


async def list_profiles(client: Client) -> None:
    """Print the quirk profiles: the rules that families of stations need, and where that was reported."""
    found = profiles()
    if client.out.as_json:
        client.out.messages([rule for profile in found for rule in profile.rules])
        return
    client.out.table(
        ["profile", "vendor", "model", "firmware", "actions", "accepts", "about", "reported"],
        (
            [
                profile.name,
                rule.vendor_name,
                rule.model,
                rule.firmware_version,
                " ".join(rule.actions),
                kind_words(rule.kinds),
                profile.description,
                " ".join(profile.sources),
            ]
            for profile in found
            for rule in profile.rules
        ),
        empty="no quirk profiles",
    )


async def apply_profile(
    client: Client, name: Annotated[str, typer.Argument(metavar="PROFILE", help="See citrine tolerance profiles.")]
) -> None:
    """Set the rules of a quirk profile. They are rules like others: listed, counted, removed one by one."""
    profile = find_profile(name)
    if profile is None:
        raise UsageError(f"no quirk profile {name}; there are {', '.join(each.name for each in profiles())}")
    answers = [
        await client.citrine.refusals.SetToleranceRule(SetToleranceRuleRequest(rule=rule)) for rule in profile.rules
    ]
    if client.out.as_json:
        client.out.messages(answers)
        return
    for answer in answers:
        client.out.line(f"tolerance rule {answer.rule_id} set for {', '.join(answer.actions)}")


def _kind(word: str) -> ToleranceKind.ValueType:
    if word not in KINDS:
        raise UsageError(f"--accept: expected one of {', '.join(KINDS)}")
    return KINDS[word]
