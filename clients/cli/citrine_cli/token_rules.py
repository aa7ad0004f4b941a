"""Rules of tokens as people write them on a command line."""

import re
from collections.abc import Sequence

from citrine.api.v1.tokens_pb2 import TokenPlace, TokenRules, TokenTimes
from citrine.ocpp.v2.types_pb2 import DayOfWeekEnum
from citrine_cli.errors import UsageError
from citrine_words.times import OF_LOCATION

__all__ = ["parse_rules", "rule_words"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PLACES = {name.lower(): place for names in (_DAYS, _NAMES) for place, name in enumerate(names)}
_TIMES = re.compile(r"(?:(?P<days>[A-Za-z,-]+))?\s*(?:(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d))?")


CONNECTOR_TYPES = (
    "cCCS1",
    "cCCS2",
    "cChaoJi",
    "cG105",
    "cGBT-DC",
    "cLECCS",
    "cMCS",
    "cNACS",
    "cNACS-CCS1",
    "cCCS1-NACS",
    "cTesla",
    "cType1",
    "cType2",
    "cUltraChaoJi",
    "s309-1P-16A",
    "s309-1P-32A",
    "s309-3P-16A",
    "s309-3P-32A",
    "sBS1361",
    "sCEE-7-7",
    "sType1",
    "sType2",
    "sType3",
    "wInductive",
    "wResonant",
    "Other1PhMax16A",
    "Other1PhOver16A",
    "Other3Ph",
    "Pan",
    "Undetermined",
    "Unknown",
    "cGBT",
    "OppCharge",
)
"""Connector types of OCPP: those of its appendix, and those of the device model."""


def parse_rules(
    places: Sequence[str],
    connectors: Sequence[str],
    times: Sequence[str],
    zone: str,
    max_transactions: int,
    no_credit: bool,
) -> TokenRules:
    """Return the rules of the options.

    Args:
        places: Each "CS-1", or "CS-1:1,2" for some of its EVSEs.
        connectors: Connector types of OCPP.
        times: Each "08:00-18:00", "Mon-Fri 08:00-18:00" or "Sat,Sun".
        zone: Time zone of the times.
        max_transactions: Most transactions at a time; 0 is any number.
        no_credit: Whether the driver can't pay.

    Raises:
        UsageError: When an option is malformed.
    """
    if zone and not times:
        raise UsageError("--zone is that of --time; give both")
    return TokenRules(
        places=[_place(text) for text in places],
        connector_types=[_connector_type(text) for text in connectors],
        times=[_times(text) for text in times],
        time_zone=zone,
        max_transactions=max_transactions,
        no_credit=no_credit,
    )


def rule_words(rules: TokenRules) -> dict[str, str]:
    """Return rules in the words of the options."""
    places = (
        f"{one.station_id}{':' if one.evse_ids else ''}{','.join(map(str, one.evse_ids))}" for one in rules.places
    )
    return {
        "only at": " ".join(places),
        "only connectors": " ".join(rules.connector_types),
        "only at times": "; ".join(f"{_times_word(one)} ({rules.time_zone or OF_LOCATION})" for one in rules.times),
        "transactions at a time": str(rules.max_transactions or ""),
        "credit": "none" if rules.no_credit else "",
    }


def _connector_type(text: str) -> str:
    for name in CONNECTOR_TYPES:
        if name.lower() == text.lower():
            return name
    raise UsageError(f"--connector: {text!r} is none of {', '.join(CONNECTOR_TYPES)}")


def _place(text: str) -> TokenPlace:
    station_id, separator, evses = text.rpartition(":")
    if not separator:
        return TokenPlace(station_id=text)
    # Ids of stations have no colon, because basic authentication separates the password by one.
    if not station_id or not re.fullmatch(r"\d+(,\d+)*", evses):
        raise UsageError(f"--at: {text!r} is no place: expected a station, or CS-1:1,2 for some of its EVSEs")
    return TokenPlace(station_id=station_id, evse_ids=map(int, evses.split(",")))


def _times(text: str) -> TokenTimes:
    found = _TIMES.fullmatch(text.strip())
    if not text.strip() or found is None:
        raise UsageError(f'--time: {text!r} is no time: expected "08:00-18:00", "Mon-Fri 08:00-18:00" or "Sat,Sun"')
    days = [day for part in (found["days"] or "").split(",") if part for day in _days(part)]
    return TokenTimes(days=days, start_time=found["start"] or "", end_time=found["end"] or "")


def _days(text: str) -> list[DayOfWeekEnum.ValueType]:
    places = [_PLACES.get(name.lower(), -1) for name in text.split("-")]
    if len(places) > 2 or -1 in places:
        raise UsageError(f"--time: {text!r} is no day: expected {', '.join(_DAYS)}, or two with a - between")
    first, last = places[0], places[-1]
    count = (last - first) % 7 + 1
    return [DayOfWeekEnum.ValueType((first + place) % 7 + 1) for place in range(count)]


def _times_word(times: TokenTimes) -> str:
    days = ",".join(_DAYS[day - 1] for day in times.days)
    span = f"{times.start_time or '00:00'}-{times.end_time or '24:00'}"
    return f"{days} {span}".strip()
