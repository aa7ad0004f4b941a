"""What a station says beside the status of its answer, in one line for people."""

from citrine.ocpp.v2.types_pb2 import StatusInfo

__all__ = ["LONGEST_PROBLEM", "problem_of"]

LONGEST_PROBLEM = 255
"""Characters of a problem that are kept."""


def problem_of(status: str, info: StatusInfo | None = None) -> str:
    """Return why something is not as it was asked for.

    Args:
        status: What the station answered, e.g. "Rejected", or the error code of a command that failed.
        info: What it said beside it.
    """
    parts = [status, *((info.reason_code, info.additional_info) if info is not None else ())]
    # PostgreSQL can't hold NUL, and the text is the station's.
    return ": ".join(part for part in parts if part).replace("\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_PROBLEM]
