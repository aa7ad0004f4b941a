"""Tolerance rules: what stations of a vendor or model may do against the schema, and what families need."""

from collections.abc import Mapping, Sequence

import grpc

from citrine.api.v1.refusals_pb2 import (
    DeleteToleranceRuleRequest,
    GetToleranceRuleRequest,
    ListToleranceRulesRequest,
    SetToleranceRuleRequest,
    ToleranceRule,
)
from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine_console.cells import Ago, Button, Card, Code, Figure, link, segment, shown, table, two_lines
from citrine_console.errors import NotShown
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page, Region
from citrine_console.site import Action
from citrine_console.texts import _, noop
from citrine_console.visits import Visit
from citrine_words.quirks import QuirkProfile, find_profile, profiles
from citrine_words.tolerance_kinds import KINDS, kind_words, rule_name

__all__ = ["ACTIONS", "PAGES"]

_KINDS: Mapping[str, str] = {
    "empty-values": noop("Sampled values without a value: they are left out"),
    "long-strings": noop("Text that is too long: it is cut, but never an id"),
    "extra-fields": noop("Fields that OCPP does not know: they are left out"),
    "json-types": noop("Numbers as text, text as numbers, one value in place of several"),
    "times": noop("Times in another form than RFC 3339"),
    "unknown-values": noop("Values that OCPP does not have, where nothing is billed by them"),
    "message-ids": noop("Message ids that are numbers, or too long"),
}
"""What each kind accepts, by its word."""


_REPLACE = "replace"
"""Field of a new rule: whether it may take the place of another one."""


def _path(name: str) -> str:
    return f"/tolerance-rules/{segment(name)}"


async def _rules(visit: Visit) -> Mapping[str, object]:
    request = ListToleranceRulesRequest(page_size=PAGE_SIZE, page_token=visit.query["page"])
    answer = await visit.citrine.refusals.ListToleranceRules(request)
    heads = [_("Rule"), _("Stations"), _("Messages"), _("Accepts"), Figure(_("Uses")), _("Last used"), ""]
    may = visit.may("SetToleranceRule", "GetToleranceRule")
    rows = [
        [
            two_lines(one.rule_id, one.description, visit.zone),
            _stations(one),
            Code(",".join(one.actions)),
            kind_words(one.kinds),
            one.uses,
            Ago(one.last_use_time) if one.HasField("last_use_time") else "",
            [
                Button(f"{_path(one.rule_id)}/edit", _("Change")) if may else "",
                Button(f"{_path(one.rule_id)}/remove", _("Remove")) if visit.may("DeleteToleranceRule") else "",
            ],
        ]
        for one in answer.rules
    ]
    buttons = [Button("/tolerance-rules/new", _("New rule"))] if may else []
    empty = _("There is none: what breaks the schema is refused.")
    return {"cards": [list_card(visit, _("Rules"), heads, rows, answer.next_page_token, buttons=buttons, empty=empty)]}


def _stations(rule: ToleranceRule) -> str:
    words = (rule.vendor_name, rule.model, rule.firmware_version)
    return " · ".join(word for word in words if word) or _("all")


async def _families(visit: Visit) -> Mapping[str, object]:
    heads = [_("Family"), _("Stations"), _("Messages"), _("Accepts"), _("Reported"), ""]
    rows = [_family_row(visit, profile, rule) for profile in profiles() for rule in profile.rules]
    hint = _("Families of stations that are known to break the schema, and the rules with which they work.")
    title = _("Known families")
    return {"cards": [Card(title, table(visit.zone, title, heads, rows), hint=hint)]}


def _family_row(visit: Visit, profile: QuirkProfile, rule: ToleranceRule) -> Sequence[object]:
    sources = [
        link(source, str(number)) if source.startswith("https://") else source
        for number, source in enumerate(profile.sources, 1)
    ]
    apply = Button(f"/tolerance-families/{segment(profile.name)}/apply", _("Set its rules"))
    return [
        two_lines(profile.name, profile.description, visit.zone),
        _stations(rule),
        Code(",".join(rule.actions)),
        kind_words(rule.kinds),
        shown(sources, visit.zone),
        [apply if visit.may("SetToleranceRule") else ""],
    ]


def _fields(rule: ToleranceRule) -> list[Field]:
    short = {"maxlength": "50"}
    return [
        Field("vendor_name", _("Vendor"), value=rule.vendor_name, hint=_("empty: any"), attributes=short),
        Field("model", _("Model"), value=rule.model, hint=_("empty: any"), attributes=short),
        Field(
            "firmware_version",
            _("Firmware"),
            value=rule.firmware_version,
            hint=_("empty: any; 1.* is all that begins with 1."),
            attributes=short,
        ),
        Field(
            "actions",
            _("Messages"),
            value=", ".join(rule.actions),
            hint=_("actions of OCPP, divided by commas; empty: those of transactions, and meter values"),
        ),
        Field(
            "kinds",
            _("Accepts"),
            "checks",
            value="\n".join(kind_words(rule.kinds).split()),
            choices=[(word, _(_KINDS[word]) if word in _KINDS else word) for word in KINDS],
        ),
        Field("description", _("Description"), value=rule.description, attributes={"maxlength": "255"}),
    ]


async def _new_fields(visit: Visit) -> Sequence[Field]:
    rule, fields = ToleranceRule(), []
    if visit.query["station"] and visit.may("GetStation"):
        station = await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit.query["station"]))
        hardware, kinds = station.hardware, [KINDS[word] for word in visit.query["kinds"].split() if word in KINDS]
        name = rule_name(hardware, visit.query["actions"], kinds)
        rule = ToleranceRule(rule_id=name, vendor_name=hardware.vendor_name, model=hardware.model)
    if visit.query["station"] and not rule.rule_id:
        said = _("It is not known what this station is. Without a vendor and a model the rule is for all stations.")
        fields.append(Field("said", said, "note"))
    hint = _("letters, digits and - _ .")
    fields.append(
        Field("rule_id", _("Name"), value=rule.rule_id, hint=hint, required=True, attributes={"maxlength": "50"})
    )
    return [*fields, *_fields(rule), Field(_REPLACE, _("Replace the rule that has this name"), "checkbox")]


async def _edit_fields(visit: Visit) -> Sequence[Field]:
    request = GetToleranceRuleRequest(rule_id=visit["rule_id"])
    rule = await visit.citrine.refusals.GetToleranceRule(request)
    return [Field("etag", "", "hidden", rule.etag), *_fields(rule)]


def _entered(visit: Visit, values: Values) -> ToleranceRule:
    return ToleranceRule(
        rule_id=visit.parameters.get("rule_id") or values["rule_id"],
        vendor_name=values["vendor_name"],
        model=values["model"],
        firmware_version=values["firmware_version"],
        actions=filter(None, map(str.strip, values["actions"].split(","))),
        kinds=[KINDS[word] for word in values.all("kinds") if word in KINDS],
        description=values["description"],
    )


async def _set_new(visit: Visit, values: Values) -> Done:
    rule = _entered(visit, values)
    if rule.rule_id and not values.checked(_REPLACE):
        try:
            present = await visit.citrine.refusals.GetToleranceRule(GetToleranceRuleRequest(rule_id=rule.rule_id))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        else:
            # The same is what an answer that was lost had set.
            if _content(present) != _content(rule):
                raise Wrong("rule_id", _("A rule has this name already. Enter another one, or replace it."))
    await visit.citrine.refusals.SetToleranceRule(SetToleranceRuleRequest(rule=rule))
    return Done(_("The rule is set."), goto="/tolerance-rules")


def _content(rule: ToleranceRule) -> object:
    """Return what a rule says, without its use."""
    words = (rule.vendor_name, rule.model, rule.firmware_version, rule.description)
    return words, {*rule.actions}, {*rule.kinds}


async def _change(visit: Visit, values: Values) -> Done:
    rule = _entered(visit, values)
    rule.etag = values["etag"]
    present = await visit.citrine.refusals.GetToleranceRule(GetToleranceRuleRequest(rule_id=rule.rule_id))
    # The form has no boxes for those that only a newer core knows.
    rule.kinds.extend(kind for kind in present.kinds if kind not in KINDS.values())
    await visit.citrine.refusals.SetToleranceRule(SetToleranceRuleRequest(rule=rule))
    return Done(_("The rule is set."))


async def _remove(visit: Visit, values: Values) -> Done:
    await visit.citrine.refusals.DeleteToleranceRule(DeleteToleranceRuleRequest(rule_id=visit["rule_id"]))
    return Done(_("The rule is removed."))


def _family(visit: Visit) -> QuirkProfile:
    profile = find_profile(visit["family"])
    if profile is None:
        raise NotShown
    return profile


async def _apply(visit: Visit, values: Values) -> Done:
    for rule in _family(visit).rules:
        await visit.citrine.refusals.SetToleranceRule(SetToleranceRuleRequest(rule=rule))
    return Done(_("Its rules are set."))


_DIALOGS = [
    FormDialog(
        path="/tolerance-rules/new",
        title=lambda visit: _("New tolerance rule"),
        words=lambda visit: _("Messages that it accepts are processed. What identifies or bills is never changed."),
        fields=_new_fields,
        act=_set_new,
        needs=("SetToleranceRule", "GetToleranceRule"),
        submit=lambda visit: _("Set the rule"),
    ),
    FormDialog(
        path="/tolerance-rules/{rule_id}/edit",
        title=lambda visit: _("Change the tolerance rule {rule}").format(rule=visit["rule_id"]),
        words=lambda visit: _("It holds for connected stations within seconds."),
        fields=_edit_fields,
        act=_change,
        needs=("SetToleranceRule", "GetToleranceRule"),
        submit=lambda visit: _("Change"),
    ),
    FormDialog(
        path="/tolerance-rules/{rule_id}/remove",
        title=lambda visit: _("Remove the tolerance rule {rule}").format(rule=visit["rule_id"]),
        words=lambda visit: _("Messages that it accepted are refused again."),
        act=_remove,
        needs=("DeleteToleranceRule",),
        submit=lambda visit: _("Remove"),
        hurts=True,
    ),
    FormDialog(
        path="/tolerance-families/{family}/apply",
        title=lambda visit: _("Set the rules of {family}").format(family=visit["family"]),
        words=lambda visit: _("These rules are set, and replaced where they exist: {rules}.").format(
            rules=", ".join(rule.rule_id for rule in _family(visit).rules)
        ),
        act=_apply,
        needs=("SetToleranceRule",),
        submit=lambda visit: _("Set its rules"),
    ),
]

PAGES: list[Page] = [
    list_page(
        "/tolerance-rules",
        lambda visit: _("Tolerance rules"),
        "ListToleranceRules",
        _rules,
        section="refused",
        kinds=("tolerance_rule_changed", "messages_refused"),
        others=[Region("families", "parts/cards.html", _families)],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
