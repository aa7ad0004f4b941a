"""What failed calls say besides their status."""

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo
from google.rpc.status_pb2 import Status

from citrine_sdk import error_reason, field_violations, is_conflict, missing_resource


def failure(
    *details: BadRequest | ErrorInfo | ResourceInfo, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT
) -> grpc.aio.AioRpcError:
    status = Status(code=3)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return with_trailer(status.SerializeToString(), code)


def with_trailer(value: bytes, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", value))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details="no")


def test_wrong_fields_are_named() -> None:
    violation = BadRequest.FieldViolation(field="station.station_id", description="is too long")

    assert field_violations(failure(BadRequest(field_violations=[violation]))) == [
        ("station.station_id", "is too long")
    ]


def test_the_reason_is_that_of_the_error_info() -> None:
    assert error_reason(failure(BadRequest(), ErrorInfo(reason="NotSupported"))) == "NotSupported"


def test_what_somebody_else_changed_is_told_from_a_call_that_is_under_way() -> None:
    aborted = grpc.StatusCode.ABORTED

    assert is_conflict(failure(ErrorInfo(reason="CONFLICT"), code=aborted))
    assert not is_conflict(failure(ErrorInfo(reason="InternalError"), code=aborted))
    assert not is_conflict(failure(code=aborted))


def test_what_does_not_exist_is_named() -> None:
    assert missing_resource(failure(ResourceInfo(resource_type="station", resource_name="CS-9"))) == ("station", "CS-9")


def test_a_failure_without_details_has_none() -> None:
    assert field_violations(failure()) == []
    assert error_reason(failure()) == ""
    assert missing_resource(failure()) is None


def test_details_that_are_not_ours_are_ignored() -> None:
    assert error_reason(with_trailer(b"\xff\xff")) == ""
