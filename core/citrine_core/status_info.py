"""The statusInfo of an answer, in one line for people."""

from citrine.ocpp.v2.types_pb2 import StatusInfo

__all__ = ["LONGEST_PROBLEM", "problem_of"]

LONGEST_PROBLEM = 255
"""Longest problem, in characters."""


def problem_of(status: str, info: StatusInfo | None = None) -> str:
    """Return the reason of a refusal or failure, for people.

    Args:
        status: Status in the station's answer, e.g. "Rejected", or the error code of a failed command.
        info: Its statusInfo.
    """
    parts = [status, *((info.reason_code, info.additional_info) if info is not None else ())]
    # PostgreSQL can't hold NUL, and the text is the station's.
    return ": ".join(part for part in parts if part).replace("\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_PROBLEM]
