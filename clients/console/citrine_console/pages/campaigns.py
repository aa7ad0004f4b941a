"""Firmware campaigns: created for many stations, watched as they go, paused, resumed and cancelled."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from citrine.api.v1.firmware_campaigns_pb2 import (
    FIRMWARE_CAMPAIGN_STATE_PAUSED,
    FIRMWARE_CAMPAIGN_STATE_RUNNING,
    FIRMWARE_CAMPAIGN_STATE_SCHEDULED,
    FIRMWARE_CAMPAIGN_STATE_STOPPED,
    CancelFirmwareCampaignRequest,
    CreateFirmwareCampaignRequest,
    DailyHours,
    FirmwareCampaign,
    FirmwareCampaignProgress,
    FirmwareCampaignStation,
    FirmwareSelection,
    GetFirmwareCampaignRequest,
    ListFirmwareCampaignsRequest,
    ListFirmwareCampaignStationsRequest,
    PauseFirmwareCampaignRequest,
    ResumeFirmwareCampaignRequest,
)
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.firmware_management_pb2 import Firmware
from citrine_console.cells import (
    Ago,
    Button,
    Card,
    Code,
    Figure,
    badge,
    facts,
    link,
    muted,
    segment,
    station_link,
    two_lines,
)
from citrine_console.filter_forms import Filter, enum_choices, enum_number, filters_region
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page, Region
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

_CHANGES = ("firmware_campaign_changed", "firmware_update_changed")

_PAUSABLE = (FIRMWARE_CAMPAIGN_STATE_SCHEDULED, FIRMWARE_CAMPAIGN_STATE_RUNNING)
_RESUMABLE = (FIRMWARE_CAMPAIGN_STATE_PAUSED, FIRMWARE_CAMPAIGN_STATE_STOPPED)


async def _campaigns(visit: Visit) -> Mapping[str, object]:
    request = ListFirmwareCampaignsRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        state=enum_number(FirmwareCampaign, "state", visit.query["state"]),
    )
    answer = await visit.citrine.firmware_campaigns.ListFirmwareCampaigns(request)
    heads = [_("Campaign"), _("State"), _("Progress"), _("Firmware"), Figure(_("Failed")), _("By"), _("Created")]
    rows = [
        [
            two_lines(
                link(f"/campaigns/{segment(one.campaign_id)}", one.display_name or one.campaign_id), "", visit.zone
            ),
            enum_word(one, "state"),
            _bar(one.progress),
            one.firmware_version or Code(one.firmware.location),
            one.progress.failed,
            one.requested_by,
            Ago(one.create_time),
        ]
        for one in answer.campaigns
    ]
    buttons = [Button("/campaigns/new", _("New campaign"))] if visit.may("CreateFirmwareCampaign") else []
    if visit.may("ListFirmwarePublications"):
        buttons.append(Button("/firmware-publications", _("Publications by local controllers"), is_page=True))
    return {"cards": [list_card(visit, _("Campaigns"), heads, rows, answer.next_page_token, buttons=buttons)]}


def _bar(progress: FirmwareCampaignProgress) -> Markup:
    done = progress.succeeded + progress.failed + progress.skipped + progress.cancelled
    said = _("{done} of {total} stations").format(done=done, total=progress.total)
    return Markup('<progress max="{}" value="{}" aria-label="{}"></progress> <span class="muted">{}</span>').format(
        max(progress.total, 1), done, said, said
    )


async def _get(visit: Visit) -> FirmwareCampaign:
    request = GetFirmwareCampaignRequest(campaign_id=visit["campaign_id"])
    return await visit.citrine.firmware_campaigns.GetFirmwareCampaign(request)


async def _campaign(visit: Visit) -> Mapping[str, object]:
    one = await _get(visit)
    base = f"/campaigns/{segment(one.campaign_id)}"
    buttons = []
    if one.state in _PAUSABLE and visit.may("PauseFirmwareCampaign"):
        buttons.append(Button(f"{base}/pause", _("Pause")))
    if one.state in _RESUMABLE and visit.may("ResumeFirmwareCampaign"):
        buttons.append(Button(f"{base}/resume", _("Resume")))
    if one.state in (*_PAUSABLE, *_RESUMABLE) and visit.may("CancelFirmwareCampaign"):
        buttons.append(Button(f"{base}/cancel", _("Cancel it")))
    firmware = one.firmware
    pairs = [
        (_("State"), [enum_word(one, "state"), muted(one.reason)]),
        (_("Progress"), _bar(one.progress)),
        (_("Firmware"), one.firmware_version),
        (_("From"), Code(firmware.location)),
        (_("SHA-256"), Code(one.sha256) if one.sha256 else ""),
        (_("Verified by"), str(enum_word(one, "verification"))),
        (_("Stations"), _selection(one.selection)),
        (_("At a time"), one.max_parallel),
        (_("Attempts"), one.max_attempts),
        (_("Stops after failures"), one.max_failures if one.HasField("max_failures") else ""),
        (_("Begins"), one.start_time if one.HasField("start_time") else ""),
        (_("Ends"), one.end_time if one.HasField("end_time") else ""),
        (_("Hours"), f"{one.hours.begin}-{one.hours.end} {one.hours.time_zone}" if one.HasField("hours") else ""),
        (_("Created"), [one.requested_by, Ago(one.create_time)]),
        (_("Finished"), one.finish_time if one.HasField("finish_time") else ""),
    ]
    return {
        "progress": one.progress,
        "cards": [Card(one.display_name or one.campaign_id, facts(visit.zone, pairs), buttons)],
    }


def _selection(one: FirmwareSelection) -> str:
    if one.all_stations:
        return _("all")
    selector = one.stations
    words = [
        ", ".join([*one.station_ids, *selector.station_ids]),
        *(one.vendor_name, one.model, one.firmware_version),
        *(_("location {name}").format(name=name) for name in selector.location_ids),
        *(_("group {name}").format(name=name) for name in selector.groups),
        *(f"{key}={value}" for key, value in selector.labels.items()),
    ]
    return ", ".join(filter(None, words))


async def _stations(visit: Visit) -> Mapping[str, object]:
    request = ListFirmwareCampaignStationsRequest(
        campaign_id=visit["campaign_id"],
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        state=enum_number(FirmwareCampaignStation, "state", visit.query["state"]),
    )
    answer = await visit.citrine.firmware_campaigns.ListFirmwareCampaignStations(request)
    heads = [_("Station"), _("State"), _("Update"), Figure(_("Attempts")), _("Why"), _("Next"), _("Updated")]
    rows = [
        [
            station_link(one.station_id, "firmware-updates"),
            [enum_word(one, "state"), "" if one.connected else badge(_("offline"), "warn")],
            enum_word(one, "update_state"),
            one.attempts,
            one.reason,
            one.next_time if one.HasField("next_time") else "",
            Ago(one.update_time),
        ]
        for one in answer.stations
    ]
    return {"cards": [list_card(visit, _("Stations"), heads, rows, answer.next_page_token)]}


def _concerns(visit: Visit, event: Event) -> bool:
    body = getattr(event, event.WhichOneof("body") or "")
    return bool(getattr(body, "campaign_id", visit["campaign_id"]) in ("", visit["campaign_id"]))


async def _new_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("name", _("Name"), attributes={"maxlength": "100"}),
        Field("location", _("Address of the file"), required=True, hint="https://…"),
        Field("firmware_version", _("Version afterwards"), hint=_("stations that have it are left out")),
        Field("sha256", "SHA-256", hint=_("of the file, beside a signature, so that the file is not read here")),
        Field("signature", _("Signature"), hint="base64"),
        Field("signing_certificate", _("Signing certificate"), "textarea", hint="PEM", attributes={"rows": "3"}),
        Field("skip_signature", _("Do not verify the signature here"), "checkbox"),
        Field("station_ids", _("Stations"), hint=_("ids, divided by commas")),
        Field("vendor", _("Vendor")),
        Field("model", _("Model")),
        Field("from_version", _("Only with this firmware")),
        Field("at_location", _("Location")),
        Field("group", _("Group")),
        Field("label", _("Label"), hint="key=value"),
        Field("all_stations", _("All stations"), "checkbox"),
        Field("max_parallel", _("At a time"), "number", "10", attributes={"min": "1"}),
        Field("max_failures", _("Stop when more have failed than"), "number", "0", attributes={"min": "0"}),
        Field("max_attempts", _("Attempts for each"), "number", "1", attributes={"min": "1"}),
        Field("start", _("Not before"), "datetime"),
        Field("end", _("Not after"), "datetime"),
        Field("begin_hour", _("Every day from"), hint=_("as 22:00, in your time zone")),
        Field("end_hour", _("Every day until"), hint=_("as 05:00")),
    ]


async def _create(visit: Visit, values: Values) -> Done:
    key, _separator, value = values["label"].partition("=")
    selector = StationSelector(
        location_ids=[values["at_location"]] if values["at_location"] else [],
        groups=[values["group"]] if values["group"] else [],
        labels={key: value} if key else {},
    )
    selection = FirmwareSelection(
        station_ids=[text.strip() for text in values["station_ids"].split(",") if text.strip()],
        vendor_name=values["vendor"],
        model=values["model"],
        firmware_version=values["from_version"],
        all_stations=values.checked("all_stations"),
        stations=selector if selector.ByteSize() else None,
    )
    if not selection.ByteSize():
        raise Wrong("station_ids", _("Say which stations are meant."))
    campaign = FirmwareCampaign(
        display_name=values["name"],
        selection=selection,
        firmware=Firmware(
            location=values["location"],
            signature=values["signature"] or None,
            signing_certificate=values["signing_certificate"] or None,
        ),
        firmware_version=values["firmware_version"],
        sha256=values["sha256"],
        skip_signature=values.checked("skip_signature"),
        max_parallel=values.number("max_parallel", 0),
        max_attempts=values.number("max_attempts", 0),
        max_failures=values.number("max_failures") if values["max_failures"] else None,
        start_time=values.time("start"),
        end_time=values.time("end"),
    )
    if values["begin_hour"] or values["end_hour"]:
        hours = DailyHours(begin=values["begin_hour"], end=values["end_hour"], time_zone=visit.zone.key)
        campaign.hours.CopyFrom(hours)
    made = await visit.citrine.firmware_campaigns.CreateFirmwareCampaign(
        CreateFirmwareCampaignRequest(campaign=campaign)
    )
    return Done(_("The campaign is created."), goto=f"/campaigns/{segment(made.campaign_id)}")


async def _reason(visit: Visit) -> Sequence[Field]:
    return [Field("reason", _("Why"), attributes={"maxlength": "255"})]


async def _pause(visit: Visit, values: Values) -> Done:
    request = PauseFirmwareCampaignRequest(campaign_id=visit["campaign_id"], reason=values["reason"])
    await visit.citrine.firmware_campaigns.PauseFirmwareCampaign(request)
    return Done(_("The campaign pauses."))


async def _resume(visit: Visit, values: Values) -> Done:
    request = ResumeFirmwareCampaignRequest(campaign_id=visit["campaign_id"])
    await visit.citrine.firmware_campaigns.ResumeFirmwareCampaign(request)
    return Done(_("The campaign goes on."))


async def _cancel(visit: Visit, values: Values) -> Done:
    request = CancelFirmwareCampaignRequest(campaign_id=visit["campaign_id"], reason=values["reason"])
    await visit.citrine.firmware_campaigns.CancelFirmwareCampaign(request)
    return Done(_("The campaign is cancelled."))


_DIALOGS = [
    FormDialog(
        path="/campaigns/new",
        title=lambda visit: _("New firmware campaign"),
        words=lambda visit: _("Each of these stations loads and installs the firmware in its turn, and restarts."),
        fields=_new_fields,
        act=_create,
        needs=("CreateFirmwareCampaign",),
        submit=lambda visit: _("Create"),
        hurts=True,
    ),
    FormDialog(
        path="/campaigns/{campaign_id}/pause",
        title=lambda visit: _("Pause the campaign"),
        words=lambda visit: _("No other station is asked. Those that update go on."),
        fields=_reason,
        act=_pause,
        needs=("PauseFirmwareCampaign",),
        submit=lambda visit: _("Pause"),
    ),
    FormDialog(
        path="/campaigns/{campaign_id}/resume",
        title=lambda visit: _("Resume the campaign"),
        words=lambda visit: _("Stations are asked again. Failures until now count no more."),
        act=_resume,
        needs=("ResumeFirmwareCampaign",),
        submit=lambda visit: _("Resume"),
    ),
    FormDialog(
        path="/campaigns/{campaign_id}/cancel",
        title=lambda visit: _("Cancel the campaign"),
        words=lambda visit: _("Stations that wait are left out for good. Those that update go on."),
        fields=_reason,
        act=_cancel,
        needs=("CancelFirmwareCampaign",),
        submit=lambda visit: _("Cancel it"),
        hurts=True,
    ),
]

PAGES: list[Page] = [
    list_page(
        "/campaigns",
        lambda visit: _("Firmware campaigns"),
        "ListFirmwareCampaigns",
        _campaigns,
        filters=lambda: [Filter("state", _("State"), enum_choices(FirmwareCampaign, "state"))],
        kinds=_CHANGES,
    ),
    Page(
        path="/campaigns/{campaign_id}",
        title=lambda visit: _("Firmware campaign"),
        template="parts/page.html",
        section="campaigns",
        needs=("GetFirmwareCampaign",),
        regions=[
            Region(
                "campaign",
                "campaigns/campaign.html",
                _campaign,
                kinds=_CHANGES,
                concerns=_concerns,
                is_main=True,
                every=30,
            ),
            filters_region(lambda: [Filter("state", _("State"), enum_choices(FirmwareCampaignStation, "state"))]),
            Region(
                "stations",
                "parts/cards.html",
                _stations,
                kinds=_CHANGES,
                concerns=_concerns,
                needs=("ListFirmwareCampaignStations",),
                every=30,
            ),
        ],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
