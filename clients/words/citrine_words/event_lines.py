"""Events as lines: time, station and what happened."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_BLOCKED
from citrine.events.v1.events_pb2 import (
    ChargeRecordMade,
    DisplayMessageChanged,
    Event,
    FirmwareCampaignChanged,
    FirmwarePublicationChanged,
    FirmwareUpdateChanged,
    ReservationChanged,
    TransactionChecked,
    TransactionLimitChanged,
    TransactionSummary,
)
from citrine.ocpp.v2.types_pb2 import SampledValue
from citrine_words.admissions import refusal_words_of
from citrine_words.clock import Clock, utc_now
from citrine_words.words import amount, detail_words, enum_word, money, plain, skew_word

__all__ = ["event_line", "event_words", "local_time", "short_id"]

SHORT = 8
"""Characters of a shortened UUID."""

ROOMY = 100
"""Fewest columns of a terminal on which times have milliseconds."""

_RANDOM_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def _transaction(summary: TransactionSummary, *, is_over: bool = False) -> str:
    parts = [
        f"evse {summary.evse_id}" if summary.HasField("evse_id") else "",
        enum_word(summary, "charging_state"),
        amount(summary, "energy_wh", "kWh", 1000),
        # After the end, the last power is meaningless.
        "" if is_over else amount(summary, "power_w", "kW", 1000),
        f"{summary.soc_percent:.0f} %" if summary.HasField("soc_percent") else "",
        short_id(summary.transaction_id),
    ]
    return "  ".join(part for part in parts if part)


def _ongoing(body: TransactionChecked) -> str:
    if not body.HasField("ongoing"):
        return ""
    return "ongoing, " if body.ongoing else "not ongoing, "


def _state(body: ReservationChanged | DisplayMessageChanged) -> str:
    return enum_word(body, "state") + (f": {body.detail}" if body.detail else "")


def _because(body: FirmwareUpdateChanged | FirmwarePublicationChanged | FirmwareCampaignChanged) -> str:
    return enum_word(body, "state") + (f": {body.reason}" if body.reason else "")


def _limit(body: TransactionLimitChanged) -> str:
    return f"limit of {enum_word(body, 'reason')}" if body.reason else "limit"


def _reason_of(body: ChargeRecordMade) -> str:
    return f" ({enum_word(body, 'reason')})" if body.reason else ""


def _place(evse_id: int, connector_id: int) -> str:
    if not evse_id:
        return "the station"
    return f"evse {evse_id}" + (f" connector {connector_id}" if connector_id else "")


# Any, because each function has its own type of body.
_WORDS: Mapping[str, Callable[[Any], str]] = {
    "station_connected": lambda body: f"connected with OCPP {body.ocpp_version} from {body.remote_address}",
    "station_disconnected": lambda body: (
        f"disconnected ({body.close_code}{f' {body.close_reason}' if body.close_reason else ''})"
    ),
    "station_booted": lambda body: (
        f"booted: {enum_word(body, 'status')}  {body.request.charging_station.vendor_name} "
        f"{body.request.charging_station.model}"
    ),
    "connector_status_changed": lambda body: (
        f"evse {body.evse_id} connector {body.connector_id} is {enum_word(body, 'status')}"
        + (f": {words}" if (words := detail_words(body.detail)) else "")
    ),
    "transaction_started": lambda body: f"transaction started  {_transaction(body.transaction)}",
    "transaction_updated": lambda body: f"transaction updated  {_transaction(body.transaction)}",
    "transaction_ended": lambda body: (
        f"transaction ended  {enum_word(body, 'stopped_reason')}  {_transaction(body.transaction, is_over=True)}"
    ),
    "transaction_anomaly_found": lambda body: (
        f"{enum_word(body, 'kind')}: {plain(body.register_wh / 1000)} kWh  {_transaction(body.transaction)}"
    ),
    "meter_values_received": lambda body: f"meter values of evse {body.evse_id}: {body.samples}",
    "security_event_received": lambda body: f"security event {body.request.type} {body.request.tech_info}",
    "station_events_received": lambda body: (
        "events: " + ", ".join(f"{e.component.name}.{e.variable.name}={e.actual_value}" for e in body.events)
    ),
    "report_finished": lambda body: (
        f"report {body.request_id} of {enum_word(body, 'kind')} {enum_word(body, 'state')}: {body.items} items"
    ),
    "token_changed": lambda body: (
        f"token {body.id_token.id_token} {enum_word(body, 'kind').removeprefix('kind ')}"
        + (", blocked" if body.token.status == TOKEN_STATUS_BLOCKED else "")
        + (", invalid" if body.HasField("token") and not body.token.valid else "")
    ),
    "token_owner_changed": lambda body: (
        f"tokens of {body.country_code}-{body.party_id} {'are refused' if body.suspended else 'decide again'}"
    ),
    "person_erased": lambda body: f"erasure {short_id(body.erasure_id)} finished",
    "local_list_changed": lambda body: (
        f"local list {enum_word(body, 'state')}{f': {body.problem}' if body.problem else ''}"
    ),
    "command_finished": lambda body: f"command {body.action} {enum_word(body, 'state')}",
    "data_transfer_received": lambda body: f"data of {body.request.vendor_id}: {enum_word(body, 'status')}",
    "transaction_limit_changed": lambda body: (
        f"{_limit(body)} {enum_word(body, 'state')}"
        + f"  {short_id(body.transaction_id)}"
        + (f", throttle {enum_word(body, 'throttle')}" if body.throttle else "")
        + (f": {body.problem}" if body.problem else "")
    ),
    "station_clock_changed": lambda body: (
        f"clock {skew_word(body, 'clock_skew')}" + (", its transactions go by ours" if body.clock_off else "")
    ),
    "station_held": lambda body: f"held, because nobody knows it; from {body.remote_address}",
    "station_refused": refusal_words_of,
    "provisioning_changed": lambda body: (
        f"configuration {body.configuration_id} {enum_word(body, 'state')}"
        + (f", {body.refused} refused" if body.refused else "")
        + (f": {body.problem}" if body.problem else "")
    ),
    "network_profile_answered": lambda body: f"network slot {body.configuration_slot}: {enum_word(body, 'status')}",
    "station_reset": lambda body: (
        f"reset of {f'evse {body.evse_id}' if body.evse_id else 'the station'} {enum_word(body, 'status')}"
        + (", booted" if body.booted else "")
    ),
    "availability_answered": lambda body: (
        f"{enum_word(body, 'wanted')} for {_place(body.evse_id, body.connector_id)}: {enum_word(body, 'answer')}"
    ),
    "location_changed": lambda body: (
        f"{f'EVSE {body.evse_uid} of ' if body.evse_uid else ''}location {body.location_id} {enum_word(body, 'kind')}"
    ),
    "tariff_changed": lambda body: (
        f"tariff {body.tariff_id} {enum_word(body, 'kind')}"
        + (f": version {body.tariff.version}" if body.HasField("tariff") else "")
        + (f": assignment {short_id(body.assignment.assignment_id)}" if body.HasField("assignment") else "")
    ),
    "station_changed": lambda body: f"station {enum_word(body, 'kind')}",
    "transaction_checked": lambda body: (
        f"transaction {short_id(body.transaction_id)} checked: {_ongoing(body)}"
        f"{'messages' if body.messages_in_queue else 'nothing'} queued"
    ),
    "transaction_closed": lambda body: (
        f"transaction closed without an end  {_transaction(body.transaction, is_over=True)}"
    ),
    "transaction_settled": lambda body: (
        f"transaction settled: {enum_word(body, 'settlement')}"
        + (f", {body.missing_events} events missing" if body.missing_events else "")
        + f"  {_transaction(body.transaction, is_over=True)}"
    ),
    "transaction_reopened": lambda body: (
        f"transaction reopened{f' by {body.requested_by}' if body.requested_by else ''}"
        f"  {_transaction(body.transaction)}"
    ),
    "transaction_end_unmatched": lambda body: (
        f"end of transaction {body.transaction_id}, which is not known, is stored aside"
    ),
    "transaction_over": lambda body: (
        f"transaction {short_id(body.transaction_id)} is over: "
        + (
            f"{short_id(body.next_transaction_id)} began at its EVSE"
            if body.next_transaction_id
            else "its connector is available"
        )
    ),
    "cost_corrected": lambda body: (
        f"correction {body.number}: {money(body.after_tax, body.currency)} instead of "
        f"{money(body.replaced_after_tax, body.replaced_currency) or 'unknown'}"
        f" ({enum_word(body, 'reason')})  {short_id(body.transaction_id)}"
    ),
    "charge_record_made": lambda body: (
        f"charge record, revision {body.revision}"
        f"{f': {money(body.after_tax, body.currency)}' if body.after_tax else ''}"
        f"{_reason_of(body)}  {short_id(body.transaction_id)}"
    ),
    "charging_plan_changed": lambda body: (
        f"charging plan {enum_word(body, 'state')} ({body.cause_text or enum_word(body, 'cause')})"
        + (f": {plain(body.given_a)} A given" if body.HasField("given_a") else "")
        + (f" of {plain(body.max_current_a)} A" if body.HasField("max_current_a") else "")
        + (", at risk" if body.at_risk else "")
    ),
    "transaction_cost_changed": lambda body: (
        f"transaction costs {money(body.after_tax, body.currency)}{'' if body.final else ' so far'}"
        f"  {short_id(body.transaction_id)}"
    ),
    "remote_start_changed": lambda body: (
        f"remote start {body.remote_start_id} {enum_word(body, 'state')}"
        f"{f'  {short_id(body.transaction_id)}' if body.transaction_id else ''}"
    ),
    "reservation_changed": lambda body: (
        f"reservation {body.reservation_id} {_state(body)}"
        f"{f'  {short_id(body.transaction_id)}' if body.transaction_id else ''}"
    ),
    "reservation_cost_changed": lambda body: (
        f"reservation {body.reservation_id} {enum_word(body, 'state')} costs "
        f"{'nothing after all' if body.withdrawn else money(body.after_tax, body.currency)}"
    ),
    "charging_profile_changed": lambda body: (
        f"charging profile {body.charging_profile_id} of evse {body.evse_id} {enum_word(body, 'state')}"
        f"{f': {body.reason}' if body.reason else ''}"
    ),
    "charging_needs_received": lambda body: (
        f"needs of the vehicle on evse {body.request.evse_id}: {enum_word(body, 'status')}"
    ),
    "ev_charging_schedule_received": lambda body: (
        f"schedule of the vehicle on evse {body.request.evse_id}: {enum_word(body, 'status')}"
    ),
    "charging_limit_changed": lambda body: (
        f"{body.charging_limit_source} {'limits' if body.HasField('limit') else 'does not limit'} evse {body.evse_id}"
    ),
    "display_message_changed": lambda body: f"message {body.message_id} {_state(body)}",
    "firmware_update_changed": lambda body: (
        f"firmware update {body.request_id} {_because(body)}"
        f"{f'  booted with {body.version_after}' if body.version_after else ''}"
    ),
    "firmware_publication_changed": lambda body: f"firmware publication {body.request_id} {_because(body)}",
    "firmware_campaign_changed": lambda body: f"firmware campaign {short_id(body.campaign_id)} {_because(body)}",
    "operation_changed": lambda body: (
        f"operation {short_id(body.operation_id)} ({body.action.replace('_', ' ')}) {enum_word(body, 'state')}"
        f"{f': {body.reason}' if body.reason else ''}"
        + (f"  {body.succeeded} of {body.total} stations succeeded" if body.state in (3, 4) else "")
    ),
    "alert_changed": lambda body: (
        f"alert of {body.event.component.name}.{body.event.variable.name} {enum_word(body, 'state')}"
        + (f" by {body.acknowledged_by}" if body.acknowledged_by else "")
    ),
    "messages_refused": lambda body: (
        f"{enum_word(body, 'outcome')}: {body.action or 'an unreadable message'}"
        f"{f' {kind}' if (kind := enum_word(body, 'event_type')) else ''}, {body.code} {body.description}"
        f"{f' ({body.count} times)' if body.count > 1 else ''}"
    ),
    "tolerance_rule_changed": lambda body: f"tolerance rule {body.rule_id} {'removed' if body.deleted else 'set'}",
    "certificate_expiring": lambda body: (
        f"certificate {body.fingerprint[:SHORT]} of {body.subject} expires at "
        f"{body.valid_to.ToDatetime(UTC).isoformat(timespec='seconds')}"
    ),
    "security_profile_upgrade_changed": lambda body: (
        f"upgrade to security profile {body.security_profile} {enum_word(body, 'state')}"
        + (f": {body.reason}" if body.reason else "")
    ),
    "installed_certificate_changed": lambda body: (
        f"{enum_word(body, 'certificate_type')} {body.subject or body.serial_number} {enum_word(body, 'kind')}"
    ),
    "certificate_order_changed": lambda body: (
        f"certificate {enum_word(body, 'state') or 'ordered'}{f': {body.reason}' if body.reason else ''}"
        f"{f'  {short_id(body.order_id)}' if body.order_id else ''}"
    ),
    "token_authorized": lambda body: (
        f"token {body.id_token.id_token}: {enum_word(body, 'status')}"
        f"{f', known as {chr(32).join(body.known_types)}' if body.known_types else ''}"
    ),
}


_SAMPLED = frozenset({"transaction_started", "transaction_updated", "transaction_ended", "meter_values_received"})


def _samples(body: Any) -> str:
    """Return the meter values of an event that was asked for with them, as "Power.Active.Import 11000 W"."""
    sampled = [one for meter_value in body.meter_value for one in meter_value.sampled_value]
    words = (
        " ".join(filter(None, (enum_word(one, "measurand"), enum_word(one, "phase"), plain(one.value), _unit(one))))
        for one in sampled
    )
    return f"  {', '.join(words)}" if sampled else ""


def _unit(sampled: SampledValue) -> str:
    unit = sampled.unit_of_measure
    return f"{unit.unit}{f' x10^{unit.multiplier}' if unit.multiplier else ''}"


def short_id(text: str) -> str:
    """Return a prefix of a random UUID, by which commands find it. Other ids are not shortened.

    Ids with numbers or times share their prefixes.
    """
    return text[:SHORT] if _RANDOM_UUID.fullmatch(text) else text


def event_words(event: Event) -> str:
    """Return the words of an event, without time and station."""
    kind = event.WhichOneof("body")
    if kind is None:
        return "something that this version does not know"
    words = _WORDS.get(kind)
    said: str = words(getattr(event, kind)) if words else kind.replace("_", " ")
    said += _samples(getattr(event, kind)) if kind in _SAMPLED else ""
    if kind != "station_refused" or event.station_refused.unknown_tenant_id:
        return said
    # The tenant is shown because the URL of the station may have a wrong one.
    return f"{said}, tenant {event.tenant_id}"


def local_time(stamp: Timestamp, zone: tzinfo | None = None, clock: Clock = utc_now) -> str:
    """Return a time in a zone, by default the local one, to the millisecond; with its date unless it is today."""
    try:
        text = stamp.ToDatetime(tzinfo=UTC).astimezone(zone).isoformat(sep=" ", timespec="milliseconds")[:23]
        return text.removeprefix(f"{clock().astimezone(zone).date()} ")
    except (ValueError, OverflowError):
        return "--:--:--.---"


def event_line(
    event: Event, zone: tzinfo | None = None, clock: Clock = utc_now, *, columns: int = 0, after: str = ""
) -> str:
    """Return an event as a line.

    Args:
        event: The event.
        zone: Time zone of its time. None: the local one.
        clock: Returns the current time, to recognise today.
        columns: Width of the terminal; on a narrow one the line is shortened. 0: no terminal.
        after: Text to append.
    """
    time, words = local_time(event.time, zone, clock), event_words(event)
    if 0 < columns < ROOMY:
        # For all lines of such a terminal, so that their columns are aligned.
        time = time.partition(".")[0]
    line = f"{time}  {event.station_id or '-'}  {words}{after}"
    if 0 < columns < len(line):
        line = f"{time}  {event.station_id or '-'}  {_brief(words + after)}"
    return line


def _brief(words: str) -> str:
    # Energy and id show that the line is about a transaction.
    return re.sub(r"^transaction (started|updated|ended)\b", r"\1", words).replace("  ", " ")
