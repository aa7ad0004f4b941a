"""Whether a station has a value that it should have, however it spells it."""

from decimal import Decimal, InvalidOperation

from citrine.ocpp.v2 import provisioning_pb2 as ocpp

__all__ = ["same_value"]

_NUMBERS = (ocpp.DATA_ENUM_DECIMAL, ocpp.DATA_ENUM_INTEGER)


def same_value(wanted: str, actual: str, data_type: int) -> bool:
    """Return whether two values are the same.

    Args:
        wanted: What it should be.
        actual: What the station told.
        data_type: citrine.ocpp.v2.DataEnum of the variable; 0 where the station never told it.
    """
    if wanted == actual:
        return True
    if data_type == ocpp.DATA_ENUM_BOOLEAN or {wanted.lower(), actual.lower()} <= {"true", "false"}:
        return wanted.lower() == actual.lower()
    if data_type in _NUMBERS:
        return _number(wanted) == _number(actual) is not None
    if data_type == ocpp.DATA_ENUM_MEMBER_LIST:
        # Its order says nothing, that of a SequenceList does.
        return sorted(_members(wanted)) == sorted(_members(actual))
    if data_type == ocpp.DATA_ENUM_SEQUENCE_LIST:
        return _members(wanted) == _members(actual)
    return False


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def _members(text: str) -> list[str]:
    return [member.strip() for member in text.split(",") if member.strip()]
