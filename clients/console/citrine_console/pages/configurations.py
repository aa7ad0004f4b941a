"""Configurations: what stations are to be set to, which stations differ, and having them set."""

import contextlib
import json
from collections.abc import Mapping, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.configurations_pb2 import (
    ApplyConfigurationRequest,
    Configuration,
    ConfigurationSelector,
    CreateConfigurationRequest,
    DeleteConfigurationRequest,
    GetConfigurationRequest,
    ListConfigurationsRequest,
    ListDriftReportsRequest,
    ListProvisioningsRequest,
    Provisioning,
    UpdateConfigurationRequest,
)
from citrine.ocpp.v2.provisioning_pb2 import SetVariableData
from citrine_console.cells import Ago, Button, Card, Code, Figure, facts, link, segment, station_link, table, two_lines
from citrine_console.filter_forms import enum_choices, enum_number
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import WITHOUT_EVENT, Page, Region
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.errors import WrongText
from citrine_words.variable_names import parse_name, write_name

__all__ = ["ACTIONS", "PAGES"]

_CHANGES = ("provisioning_changed", "station_changed", "station_booted")


async def _list(visit: Visit) -> Mapping[str, object]:
    request = ListConfigurationsRequest(page_size=PAGE_SIZE, page_token=visit.query["page"])
    answer = await visit.citrine.configurations.ListConfigurations(request)
    heads = [_("Configuration"), _("For stations"), Figure(_("Variables")), _("Report before"), _("Updated")]
    rows = [
        [
            two_lines(
                link(f"/configurations/{segment(one.configuration_id)}", one.configuration_id),
                one.description,
                visit.zone,
            ),
            [Code(_selector_words(selector)) for selector in one.selectors] or _("those that name it"),
            len(one.variables),
            str(enum_word(one, "base_report")),
            Ago(one.update_time),
        ]
        for one in answer.configurations
    ]
    buttons = [Button("/configurations/new", _("New configuration"))] if visit.may("CreateConfiguration") else []
    return {"cards": [list_card(visit, _("Configurations"), heads, rows, answer.next_page_token, buttons=buttons)]}


def _selector_words(one: ConfigurationSelector) -> str:
    pairs = [
        ("vendor", one.vendor_name),
        ("model", one.model),
        ("location", one.location_id),
        ("group", one.station_group),
        *((f"label.{key}", value) for key, value in sorted(one.station_labels.items())),
    ]
    return ", ".join(f"{name}={value}" for name, value in pairs if value)


def _selectors(values: Values) -> list[ConfigurationSelector]:
    found = []
    for line in filter(None, (text.strip() for text in values["selectors"].splitlines())):
        selector = ConfigurationSelector()
        for part in line.split(","):
            name, separator, value = (text.strip() for text in part.partition("="))
            field = {"vendor": "vendor_name", "location": "location_id", "group": "station_group"}.get(name, name)
            if name.startswith("label."):
                selector.station_labels[name.removeprefix("label.")] = value
            elif separator and field in ("vendor_name", "model", "location_id", "station_group"):
                setattr(selector, field, value)
            else:
                raise Wrong(
                    "selectors", _("{text} is none of vendor=, model=, location=, group=, label.KEY=").format(text=part)
                )
        found.append(selector)
    return found


async def _get(visit: Visit) -> Configuration:
    request = GetConfigurationRequest(configuration_id=visit["configuration_id"])
    return await visit.citrine.configurations.GetConfiguration(request)


async def _show(visit: Visit) -> Mapping[str, object]:
    one = await _get(visit)
    base = f"/configurations/{segment(one.configuration_id)}"
    buttons = [
        Button(f"{base}/{part}", text)
        for part, text, rpc in (
            ("edit", _("Edit"), "UpdateConfiguration"),
            ("apply", _("Apply"), "ApplyConfiguration"),
            ("delete", _("Delete"), "DeleteConfiguration"),
        )
        if visit.may(rpc)
    ]
    pairs = [
        (_("Description"), one.description),
        (_("For stations"), [Code(_selector_words(selector)) for selector in one.selectors]),
        (_("Report before"), str(enum_word(one, "base_report"))),
        (_("Stations that refuse a variable"), _("stay Pending") if one.hold_refused else _("are accepted")),
        (_("Created"), one.create_time),
        (_("Updated"), one.update_time),
    ]
    rows = [[Code(_name(data)), Code(data.attribute_value)] for data in one.variables]
    variables = table(visit.zone, _("Variables"), [_("Variable"), _("Value")], rows)
    return {"cards": [Card(one.configuration_id, facts(visit.zone, pairs) + variables, buttons)]}


def _name(data: SetVariableData) -> str:
    return write_name(data.component, data.variable, data.attribute_type)


async def _drift(visit: Visit) -> Mapping[str, object]:
    request = ListDriftReportsRequest(
        configuration_id=visit["configuration_id"],
        drifted_only=True,
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
    )
    answer = await visit.citrine.configurations.ListDriftReports(request)
    heads = [_("Station"), Figure(_("Variables that differ")), _("Which"), _("Provisioning")]
    rows = [
        [
            station_link(one.station_id, "configuration"),
            sum(enum_word(entry, "kind") != "matches" for entry in one.entries),
            Code(", ".join(write_name(entry.component, entry.variable) for entry in one.entries[:3])),
            enum_word(one, "state"),
        ]
        for one in answer.reports
    ]
    title, hint, empty = _("Stations that drift"), _("By what they reported last."), _("None on this page.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, hint=hint, empty=empty)]}


async def _provisionings(visit: Visit) -> Mapping[str, object]:
    request = ListProvisioningsRequest(
        configuration_id=visit["configuration_id"], page_size=PAGE_SIZE, page_token=visit.query["provisionings-page"]
    )
    answer = await visit.citrine.configurations.ListProvisionings(request)
    title, heads = _("Provisioning"), _provisioning_heads()
    rows = [_provisioning_row(one) for one in answer.provisionings]
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="provisionings")]}


def _provisioning_heads() -> list[str]:
    return [_("Station"), _("State"), _("Problem"), Figure(_("Refused")), _("Begun"), _("Finished")]


def _provisioning_row(one: Provisioning) -> Sequence[object]:
    refused = sum(enum_word(result, "status") not in ("Accepted", "RebootRequired", "") for result in one.results)
    return [
        station_link(one.station_id, "configuration"),
        enum_word(one, "state"),
        one.problem,
        refused,
        one.start_time,
        one.finish_time if one.HasField("finish_time") else "",
    ]


def _fields(one: Configuration) -> list[Field]:
    variables = "\n".join(f"{_name(data)}={_written(data.attribute_value)}" for data in one.variables)
    reports = [("", _("none")), *enum_choices(Configuration, "base_report")]
    return [
        Field("description", _("Description"), value=one.description, attributes={"maxlength": "255"}),
        Field(
            "selectors",
            _("For stations"),
            "textarea",
            "\n".join(_selector_words(selector) for selector in one.selectors),
            hint=_("one a line, as vendor=Acme, model=X, location=…, group=…, label.KEY=…; empty: those that name it"),
            attributes={"rows": "3"},
        ),
        Field(
            "variables",
            _("Variables"),
            "textarea",
            variables,
            hint=_(
                'one a line: Component@EVSE.Variable=value; what has blanks at an end, or lines, as JSON: " a\\nb "'
            ),
            attributes={"rows": "10"},
        ),
        Field("base_report", _("Report before"), "select", str(enum_word(one, "base_report")), choices=reports),
        Field(
            "hold_refused",
            _("Stations that refuse a variable stay Pending"),
            "checkbox",
            "yes" if one.hold_refused else "",
        ),
    ]


def _filled(values: Values, configuration_id: str) -> Configuration:
    one = Configuration(
        configuration_id=configuration_id,
        description=values["description"],
        selectors=_selectors(values),
        hold_refused=values.checked("hold_refused"),
    )
    if values["base_report"]:
        one.base_report = enum_number(Configuration, "base_report", values["base_report"])
    for number, line in enumerate(values["variables"].splitlines(), 1):
        if not line.strip():
            continue
        name, separator, value = line.strip().partition("=")
        try:
            component, variable, attribute = parse_name(name)
        except WrongText as error:
            raise Wrong("variables", _("Line {number}: {text}").format(number=number, text=error)) from None
        if not separator:
            raise Wrong("variables", _("Line {number}: there is no = in it.").format(number=number))
        one.variables.add(
            component=component, variable=variable, attribute_type=attribute, attribute_value=_read(value)
        )
    return one


def _written(value: str) -> str:
    """Return a value as it stands in its line: as JSON where it could not be read again otherwise."""
    is_plain = value == value.strip() and len(value.splitlines()) <= 1 and not value.startswith('"')
    return value if is_plain else json.dumps(value, ensure_ascii=not value.isprintable())


def _read(text: str) -> str:
    if text.startswith('"'):
        with contextlib.suppress(ValueError):
            return str(json.loads(text))
    return text


async def _new_fields(visit: Visit) -> Sequence[Field]:
    name = Field("configuration_id", _("Id"), required=True, attributes={"maxlength": "50"})
    return [name, *_fields(Configuration())]


async def _create(visit: Visit, values: Values) -> Done:
    configuration = _filled(values, values["configuration_id"])
    await visit.citrine.configurations.CreateConfiguration(CreateConfigurationRequest(configuration=configuration))
    return Done(_("The configuration is created."), goto=f"/configurations/{segment(configuration.configuration_id)}")


async def _edit_fields(visit: Visit) -> Sequence[Field]:
    one = await _get(visit)
    return [*_fields(one), Field("etag", "", "hidden", one.etag)]


async def _edit(visit: Visit, values: Values) -> Done:
    one = _filled(values, visit["configuration_id"])
    one.etag = values["etag"]
    mask = FieldMask(paths=["description", "selectors", "variables", "base_report", "hold_refused"])
    await visit.citrine.configurations.UpdateConfiguration(
        UpdateConfigurationRequest(configuration=one, update_mask=mask)
    )
    return Done(_("The configuration is changed."))


async def _apply_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("may_reset", _("Reset stations where variables count after a reboot only"), "checkbox"),
        Field("everything", _("Set what is right already, too"), "checkbox"),
    ]


async def _apply(visit: Visit, values: Values) -> Done:
    answer = await visit.citrine.configurations.ApplyConfiguration(
        ApplyConfigurationRequest(
            configuration_id=visit["configuration_id"],
            may_reset=values.checked("may_reset"),
            everything=values.checked("everything"),
        )
    )
    return Done(_("It is applied to {count} stations.").format(count=answer.stations))


async def _delete(visit: Visit, values: Values) -> Done:
    request = DeleteConfigurationRequest(configuration_id=visit["configuration_id"])
    await visit.citrine.configurations.DeleteConfiguration(request)
    return Done(_("The configuration is deleted."), goto="/configurations")


_DIALOGS = [
    FormDialog(
        path="/configurations/new",
        title=lambda visit: _("New configuration"),
        words=lambda visit: _("Nothing is sent to a station before its next boot, or before it is applied."),
        fields=_new_fields,
        act=_create,
        needs=("CreateConfiguration",),
        submit=lambda visit: _("Create"),
    ),
    FormDialog(
        path="/configurations/{configuration_id}/edit",
        title=lambda visit: _("Edit {name}").format(name=visit["configuration_id"]),
        words=lambda visit: _("Stations that have it differ until it is applied, or until their next boot."),
        fields=_edit_fields,
        act=_edit,
        needs=("UpdateConfiguration", "GetConfiguration"),
        submit=lambda visit: _("Save"),
    ),
    FormDialog(
        path="/configurations/{configuration_id}/apply",
        title=lambda visit: _("Apply {name}").format(name=visit["configuration_id"]),
        words=lambda visit: _("All stations that have it set what differs, at once or when they are back."),
        fields=_apply_fields,
        act=_apply,
        needs=("ApplyConfiguration",),
        submit=lambda visit: _("Apply"),
        hurts=True,
    ),
    FormDialog(
        path="/configurations/{configuration_id}/delete",
        title=lambda visit: _("Delete {name}").format(name=visit["configuration_id"]),
        words=lambda visit: _("What stations have set stays as it is."),
        act=_delete,
        needs=("DeleteConfiguration",),
        submit=lambda visit: _("Delete"),
        hurts=True,
    ),
]

PAGES: list[Page] = [
    Page(
        path="/configurations",
        title=lambda visit: _("Configurations"),
        template="parts/page.html",
        section="configurations",
        needs=("ListConfigurations",),
        regions=[Region("configurations", "parts/cards.html", _list, is_main=True, every=WITHOUT_EVENT)],
    ),
    Page(
        path="/configurations/{configuration_id}",
        title=lambda visit: _("Configuration"),
        template="parts/page.html",
        section="configurations",
        needs=("GetConfiguration",),
        regions=[
            Region("configuration", "parts/cards.html", _show, is_main=True, every=WITHOUT_EVENT),
            Region(
                "drift",
                "parts/cards.html",
                _drift,
                kinds=(*_CHANGES, "report_finished"),
                needs=("ListDriftReports",),
                every=60,
            ),
            Region(
                "provisionings",
                "parts/cards.html",
                _provisionings,
                kinds=("provisioning_changed",),
                needs=("ListProvisionings",),
            ),
        ],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
