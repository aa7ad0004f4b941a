"""Checks of the requests of operators to assign a tariff."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.provisioning.queries import find_currencies
from citrine_core.blocks.tariff_and_cost.models import ANY_LABELLED
from citrine_core.blocks.tariff_and_cost.repository import LookedAssignments
from citrine_core.db import UnitOfWork
from citrine_core.errors import FailedPrecondition, InvalidArgument
from citrine_core.ids import new_id
from citrine_core.resources.stations.tags import check_groups, check_labels, digest_of_labels, write_labels
from citrine_core.resources.tokens import lookup_of, type_of
from citrine_core.rpc import changed_span, check_length, required

__all__ = ["assignment_row", "check_assignment", "check_currency", "check_preview", "looked_assignments"]

MOST_LABELS = 16

FORMER_TOKEN_OF_ASSIGNMENT = (7, 8)
FORMER_TOKEN_OF_PREVIEW = (6, 7)
"""Numbers of the texts that clients of before say a token by, and its type."""


def check_assignment(wanted: pb.TariffAssignment, now: datetime) -> None:
    """Refuse an invalid assignment.

    Raises:
        InvalidArgument: When a field is invalid; with the path of the first such field.
    """
    _check_not_former("assignment.id_token", wanted, FORMER_TOKEN_OF_ASSIGNMENT)
    required("assignment.tariff_id", wanted.tariff_id)
    if wanted.evse_id < 0 or (wanted.evse_id and not wanted.station_id):
        raise InvalidArgument("assignment.evse_id", "must be an EVSE of the station that is named")
    if wanted.HasField("id_token"):
        required("assignment.id_token.id_token", wanted.id_token.id_token)
    for name in ("location_id", "station_group", "station_labels"):
        if getattr(wanted, name) and wanted.station_id:
            raise InvalidArgument(f"assignment.{name}", "must be empty where a station is named")
    if wanted.station_group:
        check_groups("assignment.station_group", [wanted.station_group])
    check_labels("assignment.station_labels", wanted.station_labels, MOST_LABELS)
    check_length("assignment.station_id", wanted.station_id, 48)
    check_length("assignment.group_id", wanted.group_id, 255)
    check_length("assignment.id_token.id_token", wanted.id_token.id_token, 255)
    check_length("assignment.id_token.type", wanted.id_token.type, 20)
    if wanted.HasField("valid_to"):
        begins = wanted.valid_from.ToDatetime(UTC) if wanted.HasField("valid_from") else now
        if wanted.valid_to.ToDatetime(UTC) <= max(begins, now):
            raise InvalidArgument("assignment.valid_to", "must be after valid_from, and in the future")


def check_preview(request: pb.PreviewCostRequest) -> None:
    """Refuse a preview that says its token as clients of before do.

    Raises:
        InvalidArgument: When it does.
    """
    _check_not_former("id_token", request, FORMER_TOKEN_OF_PREVIEW)


async def check_currency(work: UnitOfWork, tenant_id: str, station_id: str, currency: str) -> None:
    """Refuse a tariff for a station whose device model has another currency.

    Raises:
        FailedPrecondition: When the currencies differ.
    """
    found = (await find_currencies(work.session, tenant_id, [station_id])).get(station_id)
    if found is not None and found != currency:
        raise FailedPrecondition(
            f"the tariff is in {currency}, and station {station_id} reckons in {found}: nothing is converted"
        )


def assignment_row(tenant_id: str, wanted: pb.TariffAssignment, now: datetime) -> dict[str, Any]:
    """Return the row of an assignment."""
    labels = sorted(wanted.station_labels.items())
    return {
        "tenant_id": tenant_id,
        "assignment_id": new_id(),
        "tariff_id": wanted.tariff_id,
        "station_id": ANY_LABELLED if wanted.station_labels else wanted.station_id,
        "evse_id": wanted.evse_id,
        "location_id": wanted.location_id,
        "station_group": wanted.station_group,
        "station_labels": write_labels(wanted.station_labels),
        "label_digest": digest_of_labels(dict(labels[:1])),
        "group_id": wanted.group_id,
        "id_token": wanted.id_token.id_token,
        "id_token_lookup": lookup_of(wanted.id_token.id_token, wanted.id_token.type),
        "id_token_type": type_of(wanted.id_token.type),
        "create_time": now,
        "from_time": wanted.valid_from.ToDatetime(UTC) if wanted.HasField("valid_from") else None,
        "to_time": wanted.valid_to.ToDatetime(UTC) if wanted.HasField("valid_to") else None,
    }


def looked_assignments(request: pb.ListTariffAssignmentsRequest) -> LookedAssignments:
    """Return which assignments a request looks for."""
    return LookedAssignments(
        request.tariff_id,
        request.station_id,
        request.location_id,
        request.station_group,
        request.station_labels,
        request.group_id,
        request.id_token,
        request.assignment_id_prefix,
        changed_span(request),
    )


def _check_not_former(path: str, message: Message, numbers: Collection[int]) -> None:
    # Passed over, the token would be none: an assignment would be one for all drivers.
    unknown = UnknownFieldSet(message)
    if any(unknown[position].field_number in numbers for position in range(len(unknown))):
        raise InvalidArgument(path, "is not a text any more, but an IdToken: the client is older than this core")
