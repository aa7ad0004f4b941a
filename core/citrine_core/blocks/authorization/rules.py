"""The rules by which a token may charge, as functions of given facts. Without input or output."""

import enum
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from citrine.api.v1.tokens_pb2 import TokenRules, TokenStatus, TokenTimes, TokenWhitelist
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo, MessageContent, MessageFormatEnum
from citrine_core.resources.locations.queries import NO_LOCATION_ZONE
from citrine_core.resources.tokens import NO_AUTHORIZATION, Token, format_problem, type_of

__all__ = [
    "ASKED_EACH_TIME",
    "Facts",
    "OpenTransaction",
    "Presented",
    "Purpose",
    "Status",
    "decide_known",
    "decide_unknown",
    "until",
]

Status = AuthorizationStatusEnum

_KEY_CODE = "KeyCode"
_GROUP_TYPE = "Central"
"""Type of groupIdToken: the CSMS made it (C09.FR.13)."""

_ACCEPTED = Status.AUTHORIZATION_STATUS_ENUM_ACCEPTED

ASKED_EACH_TIME = frozenset({TokenWhitelist.TOKEN_WHITELIST_ALLOWED_OFFLINE, TokenWhitelist.TOKEN_WHITELIST_NEVER})
"""Whitelist modes of tokens about which the authorizer is asked each time."""


class Purpose(enum.Enum):
    """The purpose for which a token was presented."""

    ASK = 1
    """Authorize: to start or to stop a transaction; the message does not say which."""
    START = 2
    """A transaction began or continues with it."""
    STOP = 3
    """A transaction was stopped with it."""


@dataclass(slots=True)
class Presented:
    """A token that somebody presented at a station."""

    station_id: str
    id_token: IdToken
    purpose: Purpose
    evse_id: int | None = None
    """None: not known."""
    transaction_id: str = ""
    """Empty: none yet."""
    time: datetime | None = None
    """When it was presented, if the station was offline. None: now."""
    finding: Any = None
    """Result of the inquiry before the database transaction (see citrine_core.dispatch.inquiries)."""
    transaction_goes_on: bool = False
    """True: it charges in this transaction already."""


class OpenTransaction(NamedTuple):
    """An open transaction that was accepted with a token."""

    station_id: str
    transaction_id: str
    lookup: str
    type: str
    group_id: str
    """Group of its token. Empty: none."""
    evse_id: int | None = None
    """None: not known."""


@dataclass(slots=True)
class Facts:
    """The facts that rules need beside the token. Only facts that the tokens of the batch need are filled in."""

    now: datetime
    master_pass_group_id: str = ""
    connector_types: Mapping[str, Mapping[int, frozenset[str]]] = field(default_factory=dict)
    """Types of the connectors of each EVSE of each station, as far as reported."""
    time_zones: Mapping[str, str] = field(default_factory=dict)
    """Time zones of the stations that stand at a location."""
    open: list[OpenTransaction] = field(default_factory=list)
    credit_left: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """Credit left of prepaid tokens, by lookup and type."""
    suspended: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """Since when parties are suspended that tokens belong to, by country and party."""


class _Verdict(NamedTuple):
    status: AuthorizationStatusEnum.ValueType
    evse_ids: tuple[int, ...] = ()
    """EVSEs at which it may charge. Empty: all."""
    until: datetime | None = None
    """When the time span that allows it ends. None: no time span limits it."""


def decide_unknown(id_token: IdToken) -> IdTokenInfo:
    """Return the answer to a station on a token that the tenant does not have."""
    kind = type_of(id_token.type)
    if kind == NO_AUTHORIZATION:
        # C02.FR.02: there is no token, e.g. a driver pressed a button.
        return IdTokenInfo(status=_ACCEPTED)
    # C04.FR.01 for key codes. A token that violates the format of its type is Invalid, any other is Unknown.
    is_invalid = kind == _KEY_CODE or bool(format_problem(id_token.id_token, kind))
    return IdTokenInfo(
        status=Status.AUTHORIZATION_STATUS_ENUM_INVALID if is_invalid else Status.AUTHORIZATION_STATUS_ENUM_UNKNOWN
    )


def decide_known(token: Token, presented: Presented, facts: Facts) -> IdTokenInfo:
    """Return the answer to a station on a token of the tenant.

    Args:
        token: The stored token.
        presented: Where and why it was presented.
        facts: Other facts that its rules need.
    """
    verdict = _judge(token, presented, facts)
    info = IdTokenInfo(status=verdict.status, evse_id=verdict.evse_ids)
    ends = [token.expire_time, verdict.until]
    if token.cache_time is not None:
        ends.append(facts.now + timedelta(seconds=token.cache_time))
    if token.prepaid is not None or token.whitelist in ASKED_EACH_TIME:
        # C17.FR.01, C17.FR.02: stations must ask for the credit each time. So must they where the authorizer decides.
        ends.append(facts.now)
    if any(end is not None for end in ends):
        info.cache_expiry_date_time.FromDatetime(min(end for end in ends if end is not None))
    # Stations recognise a master pass only by its group (C16.FR.01).
    group_id = token.group_id or (facts.master_pass_group_id if token.master_pass else "")
    if group_id:
        # C01.FR.06, C09.FR.12: with every status.
        info.group_id_token.CopyFrom(IdToken(id_token=group_id, type=_GROUP_TYPE))
    if token.language:
        info.language1 = token.language
        if token.second_language:
            info.language2 = token.second_language
    if token.charging_priority:
        info.charging_priority = token.charging_priority
    if token.message:
        text = MessageContent(format=MessageFormatEnum.MESSAGE_FORMAT_ENUM_UTF8, content=token.message)
        if token.language:
            text.language = token.language
        info.personal_message.CopyFrom(text)
    return info


def _judge(token: Token, presented: Presented, facts: Facts) -> _Verdict:
    if _is_blocked(token, presented.time):
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_BLOCKED)
    if token.valid is False and _since(token.valid_time, presented.time):
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_INVALID)
    since = facts.suspended.get((token.country_code, token.party_id))
    if since is not None and _since(since, presented.time):
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_INVALID)
    # A token that was presented offline is judged at that time: later changes are not the driver's fault.
    if token.expire_time is not None and token.expire_time <= (presented.time or facts.now):
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_EXPIRED)
    if _is_master_pass(token, facts.master_pass_group_id):
        # C16.FR.03: a master pass may stop transactions, but not start one.
        starts = presented.purpose is Purpose.START
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_INVALID if starts else _ACCEPTED)
    if presented.purpose is Purpose.STOP:
        return _Verdict(_ACCEPTED)
    # A transaction that charges already is limited to the credit left.
    if facts.credit_left.get((token.lookup, token.type), 1) <= 0 and not presented.transaction_goes_on:
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_NO_CREDIT)
    if token.rules is None:
        return _Verdict(_ACCEPTED)
    verdict = _apply(TokenRules.FromString(token.rules), token, presented, facts)
    # C09.FR.03: a driver who asks where his group charges may want to stop. If another transaction begins
    # instead, its TransactionEvent is judged again.
    asks_to_stop = presented.purpose is Purpose.ASK and _charges_at(token, presented.station_id, facts)
    return _Verdict(_ACCEPTED) if verdict.status != _ACCEPTED and asks_to_stop else verdict


def _is_blocked(token: Token, time: datetime | None) -> bool:
    """Return whether a token was blocked at a time; None: now."""
    # Every status other than these two blocks, also one that is unknown to this version.
    if token.status in (TokenStatus.TOKEN_STATUS_ACCEPTED, TokenStatus.TOKEN_STATUS_UNSPECIFIED):
        return False
    return _since(token.status_time, time)


def _since(change: datetime | None, time: datetime | None) -> bool:
    """Return whether something holds at a time since its last change. None: now; a change that is not known."""
    return time is None or change is None or change <= time


def _is_master_pass(token: Token, group_id: str) -> bool:
    return token.master_pass or (bool(group_id) and token.group_id.lower() == group_id.lower())


def _charges_at(token: Token, station_id: str, facts: Facts) -> bool:
    group_id = token.group_id.lower()
    return any(
        one.station_id == station_id
        and ((one.lookup, one.type) == (token.lookup, token.type) or (group_id and one.group_id.lower() == group_id))
        for one in facts.open
    )


def _apply(rules: TokenRules, token: Token, presented: Presented, facts: Facts) -> _Verdict:
    allowed = _places(rules, presented.station_id)
    if allowed is not None and not _is_among(presented.evse_id, allowed):
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_LOCATION)
    types = facts.connector_types.get(presented.station_id)
    if rules.connector_types and types:
        wanted = {name.lower() for name in rules.connector_types}
        fitting = {evse_id for evse_id, names in types.items() if names & wanted}
        if not fitting or (presented.evse_id in types and presented.evse_id not in fitting):
            return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_NOT_ALLOWED_TYPE_EVSE)
        if fitting != set(types):
            allowed = fitting if allowed is None else allowed & fitting
            if not allowed:
                return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_LOCATION)
    end = None
    if rules.times:
        zone = rules.time_zone or facts.time_zones.get(presented.station_id, NO_LOCATION_ZONE)
        end = until(rules, presented.time or facts.now, zone)
        if end is None:
            return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_TIME)
    if rules.no_credit:
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_NO_CREDIT)
    if rules.max_transactions and _others(token, presented, facts) >= rules.max_transactions:
        return _Verdict(Status.AUTHORIZATION_STATUS_ENUM_CONCURRENT_TX)
    # C01.FR.19, C01.FR.20: no list of EVSEs if it may charge at all of them.
    return _Verdict(_ACCEPTED, tuple(sorted(allowed or ())), end)


def _places(rules: TokenRules, station_id: str) -> set[int] | None:
    """Return the EVSEs of a station at which a token may charge; None if it may charge at all of them."""
    if not rules.places:
        return None
    here = [place for place in rules.places if place.station_id == station_id]
    if any(not place.evse_ids for place in here):
        return None
    return {evse_id for place in here for evse_id in place.evse_ids}


def _is_among(evse_id: int | None, allowed: set[int]) -> bool:
    return bool(allowed) if evse_id is None else evse_id in allowed


def _others(token: Token, presented: Presented, facts: Facts) -> int:
    """Return how many other transactions of a token are open."""
    # An EVSE has one transaction at a time: if another one begins there, the open one is over.
    begins_at = presented.evse_id if presented.purpose is Purpose.START and presented.transaction_id else None
    return sum(
        (one.lookup, one.type) == (token.lookup, token.type)
        and (one.station_id, one.transaction_id) != (presented.station_id, presented.transaction_id)
        and (begins_at is None or (one.station_id, one.evse_id) != (presented.station_id, begins_at))
        for one in facts.open
    )


def until(rules: TokenRules, now: datetime, time_zone: str) -> datetime | None:
    """Return the latest end of the time spans that contain `now`; None if none does."""
    local = now.astimezone(zoneinfo.ZoneInfo(time_zone))
    ends = [end for times in rules.times for end in _ends(times, local)]
    return max(ends) if ends else None


def _ends(times: TokenTimes, now: datetime) -> list[datetime]:
    # A span that began yesterday may last until today.
    spans = [_span(times, now, -1), _span(times, now, 0)]
    return [span[1] for span in spans if span is not None and span[0] <= now < span[1]]


def _span(times: TokenTimes, now: datetime, day: int) -> tuple[datetime, datetime] | None:
    date = now.date() + timedelta(days=day)
    if times.days and date.isoweekday() not in times.days:
        return None
    begin = time.fromisoformat(times.start_time or "00:00")
    whole_day = times.end_time in ("", "24:00")
    end = time(0) if whole_day else time.fromisoformat(times.end_time)
    end_date = date + timedelta(days=1) if whole_day or end <= begin else date
    return datetime.combine(date, begin, now.tzinfo), datetime.combine(end_date, end, now.tzinfo)
