"""The precedence of tariff assignments (ADR 11, `TariffAssignment` of the contract)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.tariffs_pb2 import TariffAssignment

__all__ = ["applying_of", "rivals_of"]

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


def rivals_of(one: TariffAssignment, others: Iterable[TariffAssignment]) -> Iterator[TariffAssignment]:
    """Yield the assignments of other tariffs that overlap with an assignment: some driver at some time has both.

    Groups and locations are not looked up: an assignment to a token and one to a group do not count as overlapping, nor
    do those of two kinds of places.
    """
    for other in others:
        if other.assignment_id == one.assignment_id or other.tariff_id == one.tariff_id:
            continue
        if _meet_in_place(one, other) and _meet_in_person(one, other) and _meet_in_time(one, other):
            yield other


def applying_of(
    one: TariffAssignment, other: TariffAssignment, valid_from: Mapping[str, Timestamp]
) -> TariffAssignment:
    """Return the one of two assignments that applies where and when they overlap.

    Args:
        one: An assignment.
        other: The other assignment.
        valid_from: Start of the validity of tariffs, by tariff id, for those that have one.
    """
    return max(one, other, key=lambda assignment: _rank(assignment, valid_from))


def _rank(
    one: TariffAssignment, valid_from: Mapping[str, Timestamp]
) -> tuple[int, tuple[int, ...], datetime, datetime]:
    whose = 2 if one.HasField("id_token") else 1 if one.group_id else 0
    places = (one.evse_id, one.station_id, one.location_id)
    where = (*map(bool, places), len(one.station_labels), bool(one.station_group))
    begins = [_time(one.valid_from)] if one.HasField("valid_from") else []
    if one.tariff_id in valid_from:
        begins.append(_time(valid_from[one.tariff_id]))
    return whose, where, max(begins, default=_ALWAYS), _time(one.create_time)


def _meet_in_place(one: TariffAssignment, other: TariffAssignment) -> bool:
    if one.station_id and other.station_id and one.station_id != other.station_id:
        return False
    for field in ("station_id", "location_id", "station_group"):
        own, theirs = getattr(one, field), getattr(other, field)
        if own and not theirs and _is_somewhere(other):
            return False
        if own and theirs and own != theirs:
            return False
    if not _meet_in_labels(one, other):
        return False
    return not (one.evse_id and other.evse_id and one.evse_id != other.evse_id)


def _meet_in_labels(one: TariffAssignment, other: TariffAssignment) -> bool:
    own, theirs = one.station_labels.items(), other.station_labels.items()
    if not own or not theirs:
        return not (own and _is_somewhere(other)) and not (theirs and _is_somewhere(one))
    return own <= theirs or theirs <= own


def _is_somewhere(one: TariffAssignment) -> bool:
    return bool(one.station_id or one.location_id or one.station_group or one.station_labels)


def _meet_in_person(one: TariffAssignment, other: TariffAssignment) -> bool:
    # Whether the token is in the group is unknown.
    if (one.HasField("id_token") and bool(other.group_id)) or (bool(one.group_id) and other.HasField("id_token")):
        return False
    return all(
        not own or not theirs or own.lower() == theirs.lower()
        for own, theirs in (
            (one.id_token.id_token, other.id_token.id_token),
            (one.id_token.type, other.id_token.type),
            (one.group_id, other.group_id),
        )
    )


def _meet_in_time(one: TariffAssignment, other: TariffAssignment) -> bool:
    return _begin(one) < _end(other) and _begin(other) < _end(one)


def _begin(one: TariffAssignment) -> datetime:
    return _time(one.valid_from if one.HasField("valid_from") else one.create_time)


def _end(one: TariffAssignment) -> datetime:
    return _time(one.valid_to) if one.HasField("valid_to") else _NEVER


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
