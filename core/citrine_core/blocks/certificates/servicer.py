"""CertificatesService: the gRPC face of functional block M."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

import grpc

from citrine.api.v1 import certificates_pb2 as pb
from citrine.api.v1 import certificates_pb2_grpc
from citrine.api.v1.certificate_store_pb2 import CertificateUse
from citrine.ocpp.codec import CodecError, decode
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import CertificateHashData
from citrine_core.blocks.certificates.checks import check_certificate, read_certificate
from citrine_core.blocks.certificates.models import InstalledCertificate
from citrine_core.blocks.certificates.record import find_match, matches, stored_hash_data
from citrine_core.blocks.certificates.repository import InstalledCertificateRepository
from citrine_core.blocks.provisioning.queries import find_variables
from citrine_core.errors import FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.certificate_store.queries import find_certificate
from citrine_core.resources.certificate_store.repository import mask_of
from citrine_core.resources.commands.queries import find_unfinished
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.rpc import caller, check_pattern, open_page, required, time_or_none
from citrine_core.services import Services
from citrine_core.times import set_time

__all__ = ["CertificatesServicer"]

_CSMS_ROOT = ocpp.GetCertificateIdUseEnum.GET_CERTIFICATE_ID_USE_ENUM_CSMS_ROOT_CERTIFICATE

_Type, _Use = ocpp.InstallCertificateUseEnum, CertificateUse

_USES = {
    _Type.INSTALL_CERTIFICATE_USE_ENUM_CSMS_ROOT_CERTIFICATE: _Use.CERTIFICATE_USE_CSMS_ROOT,
    _Type.INSTALL_CERTIFICATE_USE_ENUM_MANUFACTURER_ROOT_CERTIFICATE: _Use.CERTIFICATE_USE_MANUFACTURER_ROOT,
    _Type.INSTALL_CERTIFICATE_USE_ENUM_V2G_ROOT_CERTIFICATE: _Use.CERTIFICATE_USE_V2G_ROOT,
    _Type.INSTALL_CERTIFICATE_USE_ENUM_MO_ROOT_CERTIFICATE: _Use.CERTIFICATE_USE_MO_ROOT,
    _Type.INSTALL_CERTIFICATE_USE_ENUM_OEM_ROOT_CERTIFICATE: _Use.CERTIFICATE_USE_OEM_ROOT,
}
"""Use in the store of a certificate that is installed as a type."""

_HEX = re.compile("[0-9A-Fa-f]{1,64}")


class CertificatesServicer(certificates_pb2_grpc.CertificatesServiceServicer):
    """Serves the record of installed certificates, and the commands that install, delete and report them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def InstallCertificate(
        self,
        request: pb.InstallCertificateRequest,
        context: grpc.aio.ServicerContext[pb.InstallCertificateRequest, pb.InstallCertificateResponse],
    ) -> pb.InstallCertificateResponse:
        tenant_id, station_id = caller(context).tenant_id, required("target.station_id", request.target.station_id)
        wanted = request.request
        if not wanted.certificate_type:
            raise InvalidArgument("request.certificate_type", "must be set")
        if request.stored_fingerprint:
            if wanted.certificate:
                raise InvalidArgument("stored_fingerprint", "must be empty, or request.certificate must be")
            wanted.certificate = await self._stored(tenant_id, request.stored_fingerprint, wanted.certificate_type)
        certificate = read_certificate(wanted.certificate)
        check_certificate(certificate, self._services.clock())
        # Without what may stand around it.
        wanted.certificate = certificate.facts.pem
        await self._check_size(tenant_id, station_id, len(wanted.certificate))
        return await self._services.commands.call(context, request, pb.InstallCertificateResponse)

    async def DeleteCertificate(
        self,
        request: pb.DeleteCertificateRequest,
        context: grpc.aio.ServicerContext[pb.DeleteCertificateRequest, pb.DeleteCertificateResponse],
    ) -> pb.DeleteCertificateResponse:
        tenant_id, station_id = caller(context).tenant_id, required("target.station_id", request.target.station_id)
        data = request.request.certificate_hash_data
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await InstalledCertificateRepository(work.session).find(tenant_id, station_id)
            requests = await find_unfinished(work.session, tenant_id, station_id, "DeleteCertificate")
        row = find_match(rows, data)
        if not request.force:
            _check_deletion(rows, row, requests)
        if row is not None and row.report_time is not None:
            data.CopyFrom(stored_hash_data(row))
        return await self._services.commands.call(context, request, pb.DeleteCertificateResponse)

    async def GetInstalledCertificateIds(
        self,
        request: pb.GetInstalledCertificateIdsRequest,
        context: grpc.aio.ServicerContext[pb.GetInstalledCertificateIdsRequest, pb.GetInstalledCertificateIdsResponse],
    ) -> pb.GetInstalledCertificateIdsResponse:
        return await self._services.commands.call(context, request, pb.GetInstalledCertificateIdsResponse)

    async def ListInstalledCertificates(
        self,
        request: pb.ListInstalledCertificatesRequest,
        context: grpc.aio.ServicerContext[pb.ListInstalledCertificatesRequest, pb.ListInstalledCertificatesResponse],
    ) -> pb.ListInstalledCertificatesResponse:
        for field in ("fingerprint", "serial_number"):
            if value := getattr(request, field):
                check_pattern(field, value, _HEX, "hexadecimal digits, at most 64")
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await InstalledCertificateRepository(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                certificate_type=request.certificate_type,
                fingerprint=request.fingerprint.lower(),
                serial_number=request.serial_number.lower().lstrip("0"),
                expires_before=time_or_none(request.expires_before, is_set=request.HasField("expires_before")),
                stations=checked_selector(request.stations),
            )
        return pb.ListInstalledCertificatesResponse(
            installed_certificates=[to_proto(row) for row in rows], next_page_token=token
        )

    async def _stored(
        self, tenant_id: str, fingerprint: str, certificate_type: ocpp.InstallCertificateUseEnum.ValueType
    ) -> str:
        """Return a certificate of the store in PEM.

        Raises:
            NotFound: When there is none of this fingerprint.
            FailedPrecondition: When the store does not have it for this use.
        """
        async with self._services.unit_of_work(read_only=True) as work:
            found = await find_certificate(work.session, tenant_id, fingerprint.replace(":", "").lower())
        if found is None:
            raise NotFound("certificate", fingerprint)
        if not found.uses & mask_of([_USES[certificate_type]]):
            raise FailedPrecondition(
                "the store does not have the certificate for this use: add the use, or send the PEM"
            )
        return found.pem

    async def _check_size(self, tenant_id: str, station_id: str, size: int) -> None:
        """Refuse a certificate that is longer than the station's SecurityCtrlr.MaxCertificateChainSize."""
        async with self._services.unit_of_work(read_only=True) as work:
            variables = await find_variables(work.session, tenant_id, station_id, {"securityctrlr"})
        for one in variables:
            most = one.value or ""
            if one.variable.lower() == "maxcertificatechainsize" and most.isdecimal() and size > int(most):
                raise FailedPrecondition(f"the station takes certificates of at most {most} characters, not of {size}")


def to_proto(row: InstalledCertificate) -> pb.InstalledCertificate:
    """Return a certificate as the API shows it."""
    chain = ocpp.CertificateHashDataChain.FromString(row.content)
    shown = pb.InstalledCertificate(
        tenant_id=row.tenant_id,
        station_id=row.station_id,
        certificate_type=row.certificate_type,  # type: ignore[arg-type]  # stored as the number
        certificate_hash_data=chain.certificate_hash_data,
        child_certificate_hash_data=chain.child_certificate_hash_data,
        fingerprint=row.fingerprint,
        subject=row.subject,
        requested_by=row.requested_by,
        command_id=row.command_id,
    )
    set_time(shown.create_time, row.create_time)
    for field, time in (
        (shown.valid_to, row.expire_time),
        (shown.install_time, row.install_time),
        (shown.report_time, row.report_time),
    ):
        if time is not None:
            set_time(field, time.astimezone(UTC))
    return shown


def _check_deletion(
    rows: Sequence[InstalledCertificate], row: InstalledCertificate | None, requests: Sequence[dict[str, Any]]
) -> None:
    """Refuse to delete a CSMS root certificate if no other one stays.

    Args:
        rows: What the station has.
        row: What is to be deleted. None: it is not in the record.
        requests: DeleteCertificateRequests that wait for the station or its answer.

    Raises:
        FailedPrecondition: When none stays, or when that is not known.
    """
    if row is None:
        raise FailedPrecondition(
            "the record has no such certificate of the station, so it may be its last CSMS root certificate: "
            "call GetInstalledCertificateIds first, or set force"
        )
    if row.certificate_type != _CSMS_ROOT:
        return
    going = list(_hash_data(requests))
    roots = [one for one in rows if one.certificate_type == _CSMS_ROOT and one is not row]
    if all(any(matches(one, data) for data in going) for one in roots):
        raise FailedPrecondition(
            "it is the last CSMS root certificate of the station, which could not connect without it: set force"
        )


def _hash_data(requests: Sequence[dict[str, Any]]) -> Iterator[CertificateHashData]:
    for request in requests:
        # CallStation sends whatever its caller says.
        with contextlib.suppress(CodecError):
            yield decode(ocpp.DeleteCertificateRequest, request).certificate_hash_data
