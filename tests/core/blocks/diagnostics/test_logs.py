"""A log is an object: asked for, uploading, uploaded, cancelled, failed. So is what a station holds of a customer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1 import reports_pb2 as reports
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.ocpp.v2 import diagnostics_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.support.api import field_violations
from tests.support.blocks import stamp
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceAsyncStub

TARGET = CommandTarget(station_id="CS-1")
LOCATION = "ftp://user:secret@logs.example/inbox"
UPLOADING, UPLOADED = ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOADING, ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOADED


@dataclass
class Asked:
    """A station, what it answers next, and the API."""

    core: RunningCore
    station: FakeSession
    api: "DiagnosticsServiceAsyncStub"
    answers: list[Any] = field(default_factory=list)

    async def log(self, status: "ocpp.LogStatusEnum.ValueType" = ocpp.LOG_STATUS_ENUM_ACCEPTED) -> int:
        """Ask for a log and return its request id."""
        self.answers.append(ocpp.GetLogResponse(status=status, filename="log.zip"))
        log = ocpp.LogParameters(remote_location=LOCATION)
        request = ocpp.GetLogRequest(log=log, log_type=ocpp.LOG_ENUM_DIAGNOSTICS_LOG)
        answer = await self.api.GetLog(pb.GetLogRequest(target=TARGET, request=request))
        return int(answer.command.request["requestId"])  # type: ignore[arg-type]  # a number

    async def tell(self, request_id: int | None, *statuses: "ocpp.UploadLogStatusEnum.ValueType") -> None:
        for status in statuses:
            await self.station.call(ocpp.LogStatusNotificationRequest(status=status, request_id=request_id))

    async def logs(self) -> dict[int, tuple[str, str]]:
        """Return state and status of each log."""
        page = await self.api.ListLogUploads(pb.ListLogUploadsRequest(station_id="CS-1"))
        names = reports.ReportState.Name
        return {
            log.request_id: (names(log.state).removeprefix("REPORT_STATE_"), log.status) for log in page.log_uploads
        }


@pytest.fixture
async def asked(core: RunningCore) -> AsyncIterator[Asked]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        asked = Asked(core, await edge.connect("CS-1", PASSWORD), core.stub(DiagnosticsServiceStub))
        # Its session is stored once something that came after is answered.
        await asked.station.call(HeartbeatRequest())
        edge.on_command = lambda command: asked.answers.pop()
        yield asked


async def test_a_log_that_was_uploaded_is_complete(asked: Asked) -> None:
    log = await asked.log()
    before = await asked.logs()

    await asked.tell(log, UPLOADING, UPLOADING, UPLOADED)

    assert before == {log: ("REQUESTED", "Accepted")}
    assert await asked.logs() == {log: ("COMPLETE", "Uploaded")}
    page = await asked.api.ListLogUploads(pb.ListLogUploadsRequest())
    assert page.log_uploads[0].filename == "log.zip"
    assert page.log_uploads[0].remote_location == "ftp://user:********@logs.example/inbox"


async def test_N01_FR_12_a_second_request_cancels_the_first(asked: Asked) -> None:
    first = await asked.log()
    await asked.tell(first, UPLOADING)

    second = await asked.log(ocpp.LOG_STATUS_ENUM_ACCEPTED_CANCELED)
    cancelled = await asked.logs()
    await asked.tell(first, ocpp.UPLOAD_LOG_STATUS_ENUM_ACCEPTED_CANCELED)
    await asked.tell(second, UPLOADING, UPLOADED)

    assert cancelled == {first: ("FAILED", "AcceptedCanceled"), second: ("REQUESTED", "AcceptedCanceled")}
    assert await asked.logs() == {first: ("FAILED", "AcceptedCanceled"), second: ("COMPLETE", "Uploaded")}


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("status", "state"),
    [
        (ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOAD_FAILURE, ("FAILED", "UploadFailure")),
        (ocpp.UPLOAD_LOG_STATUS_ENUM_PERMISSION_DENIED, ("FAILED", "PermissionDenied")),
    ],
    ids=["upload failure", "permission denied"],
)
async def test_N01_FR_10_a_log_fails(
    asked: Asked, status: "ocpp.UploadLogStatusEnum.ValueType", state: tuple[str, str]
) -> None:
    log = await asked.log()

    await asked.tell(log, UPLOADING, status)

    assert await asked.logs() == {log: state}


async def test_N01_FR_13_a_station_that_uploads_nothing_has_none_under_way(asked: Asked) -> None:
    log = await asked.log()
    await asked.tell(log, UPLOADING)

    await asked.tell(None, ocpp.UPLOAD_LOG_STATUS_ENUM_IDLE)

    assert await asked.logs() == {log: ("EXPIRED", "Idle")}


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("status", "state"),
    [
        (UPLOADED, ("COMPLETE", "Uploaded")),
        (ocpp.UPLOAD_LOG_STATUS_ENUM_UPLOAD_FAILURE, ("FAILED", "UploadFailure")),
    ],
    ids=["uploaded", "upload failure"],
)
async def test_a_status_that_names_no_request_is_of_the_upload_that_was_asked_for_last(
    asked: Asked, status: "ocpp.UploadLogStatusEnum.ValueType", state: tuple[str, str]
) -> None:
    first, second = await asked.log(), await asked.log()

    await asked.tell(None, UPLOADING)
    uploading = await asked.logs()
    await asked.tell(None, status)
    await asked.tell(None, ocpp.UPLOAD_LOG_STATUS_ENUM_IDLE)
    await asked.tell(None, UPLOADING)

    assert uploading[second][1] == "Uploading"
    assert await asked.logs() == {first: ("EXPIRED", "Idle"), second: state}


async def test_N01_FR_05_a_refused_log_says_so(asked: Asked) -> None:
    log = await asked.log(ocpp.LOG_STATUS_ENUM_REJECTED)

    assert await asked.logs() == {log: ("REFUSED", "Rejected")}


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("field", "request_"),
    [
        *(
            ("log.remote_location", ocpp.GetLogRequest(log=ocpp.LogParameters(remote_location=location)))
            for location in ("", "logs.example/inbox", "/tmp/log")
        ),
        ("retries", ocpp.GetLogRequest(log=ocpp.LogParameters(remote_location="https://logs.example/x"), retries=-1)),
    ],
)
async def test_a_request_for_a_log_that_can_never_be_right_is_refused(
    asked: Asked, field: str, request_: ocpp.GetLogRequest
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked.api.GetLog(pb.GetLogRequest(target=TARGET, request=request_))

    assert field_violations(refused.value) == [f"request.{field}"]


async def test_a_customers_data_arrives_in_parts(asked: Asked) -> None:
    asked.answers.append(ocpp.CustomerInformationResponse(status=ocpp.CUSTOMER_INFORMATION_STATUS_ENUM_ACCEPTED))
    request = ocpp.CustomerInformationRequest(report=True, id_token=IdToken(id_token="A1", type="Central"))
    answer = await asked.api.CustomerInformation(pb.CustomerInformationRequest(target=TARGET, request=request))
    key: dict[str, Any] = {
        "station_id": "CS-1",
        "kind": reports.REPORT_KIND_CUSTOMER_INFORMATION,
        "request_id": int(answer.command.request["requestId"]),  # type: ignore[arg-type]  # a number
    }

    for seq_no, text in enumerate(("one,", "two")):
        await asked.station.call(
            ocpp.NotifyCustomerInformationRequest(
                data=text, seq_no=seq_no, generated_at=stamp(), request_id=key["request_id"], tbc=seq_no == 0
            )
        )

    api = asked.core.stub(ReportsServiceStub)
    page = await api.ListReportParts(reports.ListReportPartsRequest(**key))
    run = await api.GetReportRun(reports.GetReportRunRequest(**key))
    assert "".join(part.customer_information.data for part in page.parts) == "one,two"
    assert run.state == reports.REPORT_STATE_COMPLETE


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(ocpp.CustomerInformationRequest(report=True), id="nobody"),
        pytest.param(ocpp.CustomerInformationRequest(customer_identifier="C"), id="nothing"),
        pytest.param(
            ocpp.CustomerInformationRequest(
                report=True, customer_identifier="C", id_token=IdToken(id_token="A1", type="Central")
            ),
            id="two customers",
        ),
    ],
)
async def test_N09_FR_04_what_names_no_one_customer_is_not_sent(
    asked: Asked, request_: ocpp.CustomerInformationRequest
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked.api.CustomerInformation(pb.CustomerInformationRequest(target=TARGET, request=request_))

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
