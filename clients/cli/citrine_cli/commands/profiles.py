"""`citrine profile`: charging profiles, composite schedules, needs of vehicles, limits."""

import asyncio
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from citrine.api.v1 import reports_pb2 as reports
from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.codec import CodecError, decode
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands.profile_limits import capacity, list_limits, list_needs, renegotiate, show_plan
from citrine_cli.errors import CliError, UsageError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.prefixes import key_of_transaction, listed_transaction, transaction_id_of
from citrine_cli.profile_words import profile_from_flags, profile_table, rate_unit
from citrine_cli.standard_input import read_input
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.timeouts import DEFAULT_TIMEOUT, LONGEST_TIMEOUT, MARGIN
from citrine_words.values import parse_object, parse_seconds
from citrine_words.words import enum_word, quantity, time_word

__all__ = ["build"]

WAIT = 60.0
"""Seconds to wait for the reports of a station's profiles."""

_STATES: dict[str, pb.ChargingProfileState.ValueType] = {
    name.removeprefix("CHARGING_PROFILE_STATE_").lower(): number
    for name, number in pb.ChargingProfileState.items()
    if number
}

_PURPOSES = "TxDefaultProfile, TxProfile or ChargingStationMaxProfile"

Station = Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")]
OfStation = Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")]
Timeout = Annotated[float, DurationOption("--timeout", help="How long the station has to answer.")]
WhenOnline = Annotated[bool, typer.Option("--when-online", help="If it is not connected, send it when it is back.")]
MaybeEvse = Annotated[int | None, typer.Option("--evse", metavar="N", help="EVSE; 0 is the station itself.")]
MaybeId = Annotated[int | None, typer.Option("--id", metavar="N", help="Id of the profile.")]
MaybeLevel = Annotated[int | None, typer.Option("--level", metavar="N", help="Stack level.")]
MaybePurpose = Annotated[str, typer.Option("--purpose", metavar="P", help=f"{_PURPOSES}.")]


def build() -> typer.Typer:
    """Return the commands of `citrine profile`."""
    app = typer.Typer(help="Charging profiles: set, list, get, clear; composite schedules, vehicles, limits.")
    client_command(app, "set")(set_profile)
    client_command(app, "list")(list_profiles)
    client_command(app, "show")(show_record)
    client_command(app, "get")(get_profiles)
    client_command(app, "clear")(clear_profiles)
    client_command(app, "composite")(composite)
    client_command(app, "needs")(list_needs)
    client_command(app, "renegotiate")(renegotiate)
    client_command(app, "limits")(list_limits)
    client_command(app, "capacity")(capacity)
    client_command(app, "plan")(show_plan)
    return app


async def set_profile(
    client: Client,
    station_id: Station,
    content: Annotated[
        str | None,
        typer.Argument(
            metavar="[JSON]", help="A chargingProfile in OCPP spelling instead of the flags; - reads stdin."
        ),
    ] = None,
    evse: Annotated[int, typer.Option("--evse", metavar="N", help="EVSE; 0 is the station, or all its EVSEs.")] = 0,
    periods: Annotated[
        list[str] | None,
        typer.Option("--period", metavar="S:LIMIT[:PHASES]", help="Limit from that second on. May be repeated."),
    ] = None,
    limit: Annotated[
        float | None, typer.Option("--limit", metavar="N", help="Limit of the only period, in the unit.")
    ] = None,
    unit: Annotated[str, typer.Option("--unit", metavar="U", help="A (of each phase) or W.")] = "A",
    purpose: Annotated[
        str | None,
        typer.Option(
            "--purpose",
            metavar="P",
            help=f"{_PURPOSES}.",
            show_default="TxDefaultProfile, or TxProfile with a transaction",
        ),
    ] = None,
    transaction_id: Annotated[
        str, typer.Option("--transaction", metavar="ID", help="Transaction of a TxProfile.")
    ] = "",
    level: Annotated[int, typer.Option("--level", metavar="N", help="Stack level: the higher one counts.")] = 0,
    start: Annotated[
        str | None, typer.Option("--start", metavar="TIME", help="When it starts.", show_default="now")
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="It starts with each transaction, not at a time.")
    ] = False,
    recurs: Annotated[str, typer.Option("--recurs", metavar="R", help="Either daily or weekly.")] = "",
    duration: Annotated[
        int | None, DurationOption("--duration", whole=True, help="How long it lasts.", show_default="without end")
    ] = None,
    valid_from: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Not valid before.")] = None,
    valid_to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Not valid from then on.")] = None,
    profile_id: Annotated[
        int,
        typer.Option("--id", metavar="N", help="Id: the profile of this id is replaced.", show_default="a free one"),
    ] = 0,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Set a charging profile, from flags or from JSON. The exit code is 1 if the station refuses it."""
    if content is not None:
        profile = _profile_from_json(read_input() if content == "-" else content)
    else:
        profile = profile_from_flags(
            periods=periods or [],
            limit=limit,
            unit=unit,
            purpose=purpose or ("TxProfile" if transaction_id else "TxDefaultProfile"),
            transaction_id=await transaction_id_of(client, transaction_id, station_id),
            level=level,
            start=start,
            relative=relative,
            recurs=recurs,
            duration=duration,
            valid_from=valid_from,
            valid_to=valid_to,
            profile_id=profile_id,
        )
    request = pb.SetChargingProfileRequest(
        target=_target(station_id, timeout, when_online),
        request=ocpp.SetChargingProfileRequest(evse_id=evse, charging_profile=profile),
    )
    answer = await client.citrine.smart_charging.SetChargingProfile(request, timeout=timeout + MARGIN)
    _show(client, answer, f"profile {answer.charging_profile_id}", station_id)


def _profile_from_json(text: str) -> types.ChargingProfile:
    payload = parse_object(text)
    payload.setdefault("id", 0)
    try:
        decoded = decode(ocpp.SetChargingProfileRequest, {"evseId": 0, "chargingProfile": payload})
    except CodecError as error:
        raise UsageError(f"the JSON is not a chargingProfile: {error}") from error
    assert isinstance(decoded, ocpp.SetChargingProfileRequest)
    return decoded.charging_profile


async def list_profiles(
    client: Client,
    station: OfStation = "",
    evse: MaybeEvse = None,
    transaction_id: Annotated[str, typer.Option("--transaction", metavar="ID", help="Only of this transaction.")] = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    profile_id: MaybeId = None,
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the stored profiles, the latest first: those that were set, and those that stations reported."""
    if state and state.lower() not in _STATES:
        raise UsageError(f"--state: {state!r} is none of {', '.join(_STATES)}")
    request = pb.ListChargingProfilesRequest(
        create_time=range_of(begin, end),
        station_id=station,
        evse_id=evse,
        transaction_id=await listed_transaction(client, transaction_id, station),
        state=_STATES[state.lower()] if state else pb.CHARGING_PROFILE_STATE_UNSPECIFIED,
        charging_profile_id=profile_id,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.smart_charging.ListChargingProfiles, request, limit)
    profiles = [profile async for page in pages for profile in page.profiles]
    if client.out.as_json:
        client.out.messages(profiles)
        return
    rows = [
        [record.station_id, *profile_table(record.evse_id, record.profile), _origin(record), enum_word(record, "state")]
        for record in profiles
    ]
    columns = ["station", "evse", "id", "purpose", "level", "kind", "limits", "transaction", "set by", "state"]
    client.out.table(columns, rows, empty="no profiles")


async def show_record(
    client: Client,
    record_id: Annotated[int, typer.Argument(metavar="RECORD", help="Its record_id, as list --json shows it.")],
) -> None:
    """Show one profile of the record, with its reason and times."""
    request = pb.GetChargingProfileRecordRequest(record_id=record_id)
    record = await client.citrine.smart_charging.GetChargingProfileRecord(request)
    if client.out.as_json:
        client.out.message(record)
        return
    names = ["evse", "id", "purpose", "level", "kind", "limits", "transaction"]
    client.out.facts(
        {"record": str(record.record_id), "station": record.station_id}
        | dict(zip(names, profile_table(record.evse_id, record.profile), strict=True))
        | {
            "set by": _origin(record),
            "state": enum_word(record, "state"),
            "reason": record.reason,
            "cause": record.cause,
            "command": record.command_id,
            "created": time_word(record, "create_time"),
            "updated": time_word(record, "update_time"),
            "reported": time_word(record, "report_time"),
        }
    )


def _origin(record: pb.ChargingProfileRecord) -> str:
    return f"{record.charging_limit_source}, found" if record.found else "Citrine"


async def get_profiles(
    client: Client,
    station_id: Station,
    evse: MaybeEvse = None,
    profile_id: MaybeId = None,
    level: MaybeLevel = None,
    purpose: MaybePurpose = "",
    source: Annotated[str, typer.Option("--source", metavar="S", help="Set by EMS, SO, CSO or Other.")] = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Ask a station for its profiles, wait for all reports, and show them. Without a filter: of all sources."""
    criterion = ocpp.ChargingProfileCriterion(
        charging_profile_id=[] if profile_id is None else [profile_id],
        stack_level=level,
        charging_profile_purpose=_purpose(purpose),
        charging_limit_source=[source] if source else [],
    )
    if not criterion.ByteSize() and level is None:
        # OCPP requires a criterion, and each profile has a source.
        criterion.charging_limit_source.extend(["EMS", "Other", "SO", "CSO"])
    request = pb.GetChargingProfilesRequest(
        target=_target(station_id, timeout, when_online=False),
        request=ocpp.GetChargingProfilesRequest(evse_id=evse, charging_profile=criterion),
    )
    answer = await client.citrine.smart_charging.GetChargingProfiles(request, timeout=timeout + MARGIN)
    parts: list[reports.ReportPart] = []
    if answer.response.status == ocpp.GET_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED:
        parts = await _reported(client, station_id, int(answer.command.request.fields["requestId"].number_value))
    if client.out.as_json:
        client.out.messages([part.charging_profiles for part in parts])
        return
    rows = [
        [*profile_table(part.charging_profiles.evse_id, profile), part.charging_profiles.charging_limit_source]
        for part in parts
        for profile in part.charging_profiles.charging_profile
    ]
    columns = ["evse", "id", "purpose", "level", "kind", "limits", "transaction", "source"]
    client.out.table(columns, rows, empty="the station has no such profiles")


async def _reported(client: Client, station_id: str, request_id: int) -> list[reports.ReportPart]:
    kind, run = reports.REPORT_KIND_CHARGING_PROFILES, reports.ReportRun()
    watched = reports.WatchReportRunRequest(station_id=station_id, kind=kind, request_id=request_id)
    try:
        async with asyncio.timeout(WAIT):
            async for latest in client.citrine.reports.WatchReportRun(watched):
                run = latest
    except TimeoutError:
        raise CliError(f"{station_id} did not report all profiles in {WAIT:g} seconds") from None
    if run.state != reports.REPORT_STATE_COMPLETE:
        raise CliError(f"the report of {station_id} is {enum_word(run, 'state')}")
    request = reports.ListReportPartsRequest(station_id=station_id, kind=kind, request_id=request_id)
    return [part async for page in collect(client.citrine.reports.ListReportParts, request) for part in page.parts]


async def clear_profiles(
    client: Client,
    station_id: Annotated[str, typer.Argument(metavar="[STATION]", help="Its name; not with --transaction.")] = "",
    profile_id: MaybeId = None,
    evse: MaybeEvse = None,
    purpose: MaybePurpose = "",
    level: MaybeLevel = None,
    transaction: Annotated[
        str, typer.Option("--transaction", metavar="ID", help="Instead: all of this transaction, wherever it is.")
    ] = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Clear a profile by id, profiles by criteria or of a transaction. The exit code is 1 if there is none."""
    has_criteria = profile_id is not None or evse is not None or bool(purpose) or level is not None
    if transaction:
        if has_criteria:
            raise UsageError("--transaction: not with --id, --evse, --purpose and --level")
        station_id, transaction = await key_of_transaction(client, transaction, station_id)
    elif not station_id:
        raise UsageError("name a station, or --transaction")
    content = ocpp.ClearChargingProfileRequest(charging_profile_id=profile_id)
    if evse is not None or purpose or level is not None:
        content.charging_profile_criteria.CopyFrom(
            ocpp.ClearChargingProfile(evse_id=evse, charging_profile_purpose=_purpose(purpose), stack_level=level)
        )
    request = pb.ClearChargingProfileRequest(
        target=_target(station_id, timeout, when_online), request=content, transaction_id=transaction
    )
    answer = await client.citrine.smart_charging.ClearChargingProfile(request, timeout=timeout + MARGIN)
    _show(client, answer, "profiles", station_id)


async def composite(
    client: Client,
    station_id: Station,
    evse: Annotated[int, typer.Option("--evse", metavar="N", help="EVSE; 0 is the station.")] = 0,
    duration: Annotated[int, DurationOption("--duration", whole=True, help="How long from now on.")] = 86400,
    unit: Annotated[str, typer.Option("--unit", metavar="U", help="A or W.", show_default="the station's choice")] = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Ask a station for its composite schedule: what it expects to draw under all its limits."""
    content = ocpp.GetCompositeScheduleRequest(
        evse_id=evse, duration=duration, charging_rate_unit=rate_unit(unit) if unit else None
    )
    request = pb.GetCompositeScheduleRequest(target=_target(station_id, timeout, False), request=content)
    answer = await client.citrine.smart_charging.GetCompositeSchedule(request, timeout=timeout + MARGIN)
    if answer.response.status != types.GENERIC_STATUS_ENUM_ACCEPTED or client.out.as_json:
        _show(client, answer, "composite schedule", station_id)
        return
    schedule = answer.response.schedule
    client.out.line(f"EVSE {schedule.evse_id} from {time_word(schedule, 'schedule_start')} on")
    rows = (
        [quantity(period.start_period, "s"), quantity(period.limit, enum_word(schedule, "charging_rate_unit"))]
        for period in schedule.charging_schedule_period
    )
    client.out.table(["after", "limit"], rows, empty="no limits")


def _purpose(text: str) -> types.ChargingProfilePurposeEnum.ValueType | None:
    if not text:
        return None
    number = number_of(types.ChargingProfilePurposeEnum, text)
    if number is None:
        raise UsageError(f"--purpose: {text!r} is none of {_PURPOSES}")
    return types.ChargingProfilePurposeEnum.ValueType(number)


# Any, because each command rpc has its own type of answer.
def _show(client: Client, answer: Any, what: str, station_id: str) -> None:
    response: Message | None = answer.response if answer.HasField("response") else None
    status = enum_word(response, "status") if response is not None else ""
    if client.out.as_json:
        client.out.message(answer)
    else:
        client.out.line(f"{what}: {status or f'the command waits for {station_id}'}")
    if status not in {"", "Accepted"}:
        info = answer.response.status_info
        reason = ": ".join(part for part in (info.reason_code, info.additional_info) if part)
        raise CliError(f"{station_id} answered {status}{f' ({reason})' if reason else ''}")


def _target(station_id: str, timeout: float, when_online: bool) -> CommandTarget:
    seconds = parse_seconds("--timeout", timeout, LONGEST_TIMEOUT)
    return CommandTarget(station_id=station_id, timeout=seconds, when_online=when_online)
