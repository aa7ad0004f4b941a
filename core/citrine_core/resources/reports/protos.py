"""Conversion of reports to messages of the API."""

from collections.abc import Mapping, Sequence

from citrine.api.v1 import reports_pb2 as pb
from citrine_core.resources.reports.models import ReportPart, ReportRun

__all__ = ["missing_parts", "part_to_proto", "run_to_proto"]

MAX_MISSING = 1000
"""Largest number of missing parts that are listed."""

_MESSAGES: Mapping[int, str] = {
    pb.REPORT_KIND_DEVICE_MODEL: "device_model",
    pb.REPORT_KIND_MONITORING: "monitoring",
    pb.REPORT_KIND_CUSTOMER_INFORMATION: "customer_information",
    pb.REPORT_KIND_CHARGING_PROFILES: "charging_profiles",
    pb.REPORT_KIND_DISPLAY_MESSAGES: "display_messages",
    pb.REPORT_KIND_LOG: "log",
}
"""Field of ReportPart with the message, by kind."""

_TIMES = ("create_time", "request_time", "answer_time", "start_time", "update_time", "finish_time")


def missing_parts(arrived: Sequence[int]) -> list[int]:
    """Return the numbers that are missing before the highest that arrived, the first MAX_MISSING of them.

    Args:
        arrived: Numbers of parts, in order.
    """
    missing: list[int] = []
    expected = 0
    for seq_no in arrived:
        capacity = MAX_MISSING - len(missing)
        missing.extend(range(expected, min(seq_no, expected + capacity)))
        expected = seq_no + 1
    return missing


def run_to_proto(run: ReportRun, arrived: Sequence[int]) -> pb.ReportRun:
    """Return a report as a message of the API.

    Args:
        run: The report.
        arrived: Numbers of its parts, in order.
    """
    shown = pb.ReportRun(
        kind=run.kind,  # type: ignore[arg-type]  # stored as the number
        request_id=run.request_id,
        station_id=run.station_id,
        state=run.state,  # type: ignore[arg-type]  # stored as the number
        status=run.status,
        problem=run.problem,
        command_id=run.command_id or "",
        parts=run.parts,
        items=run.items,
        complete=run.is_complete,
        missing_parts=missing_parts(arrived),
    )
    for name in _TIMES:
        time = getattr(run, name)
        if time is not None:
            getattr(shown, name).FromDatetime(time)
    return shown


def part_to_proto(part: ReportPart) -> pb.ReportPart:
    """Return a part, which was read with its message, as a message of the API."""
    shown = pb.ReportPart(seq_no=part.seq_no, items=part.items, last=part.is_last)
    shown.receive_time.FromDatetime(part.receive_time)
    if part.message is not None:
        message = getattr(shown, _MESSAGES[part.kind])
        message.SetInParent()
        message.MergeFromString(part.message)
    return shown
