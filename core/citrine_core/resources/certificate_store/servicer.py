"""CertificateStoreService: the operator's access to certificates of authorities."""

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import certificate_store_pb2 as pb
from citrine.api.v1.certificate_store_pb2_grpc import CertificateStoreServiceServicer
from citrine_core.errors import Conflict, InvalidArgument
from citrine_core.resources.certificate_store.contents import to_row
from citrine_core.resources.certificate_store.directory import ContractRoots
from citrine_core.resources.certificate_store.models import StoredCertificate
from citrine_core.resources.certificate_store.repository import CertificateStoreRepository, mask_of
from citrine_core.rpc import apply_mask, caller, check_length, check_printable, open_page, required, to_timestamp
from citrine_core.services import Services

__all__ = ["CertificateStoreServicer"]

CHANGEABLE = frozenset({"uses", "description"})
"""Fields that UpdateStoredCertificate may change."""


class CertificateStoreServicer(CertificateStoreServiceServicer):
    """Certificates of authorities as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._notice = services.settings.certificate_expiry_notice
        self._contract_roots = ContractRoots.of(services)

    async def GetStoredCertificate(
        self,
        request: pb.GetStoredCertificateRequest,
        context: grpc.aio.ServicerContext[pb.GetStoredCertificateRequest, pb.StoredCertificate],
    ) -> pb.StoredCertificate:
        required("fingerprint", request.fingerprint)
        async with self._unit_of_work(read_only=True) as work:
            row = await CertificateStoreRepository(work.session).get(caller(context).tenant_id, request.fingerprint)
        return _to_proto(row)

    async def ListStoredCertificates(
        self,
        request: pb.ListStoredCertificatesRequest,
        context: grpc.aio.ServicerContext[pb.ListStoredCertificatesRequest, pb.ListStoredCertificatesResponse],
    ) -> pb.ListStoredCertificatesResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await CertificateStoreRepository(work.session).list(
                caller(context).tenant_id, open_page(request), use=request.use
            )
        return pb.ListStoredCertificatesResponse(certificates=map(_to_proto, rows), next_page_token=token)

    async def CreateStoredCertificate(
        self,
        request: pb.CreateStoredCertificateRequest,
        context: grpc.aio.ServicerContext[pb.CreateStoredCertificateRequest, pb.StoredCertificate],
    ) -> pb.StoredCertificate:
        given = request.certificate
        _check(given, CHANGEABLE)
        row = to_row(caller(context).tenant_id, "certificate.pem", given.pem, self._clock(), self._notice)
        row.uses, row.description = mask_of(given.uses), given.description
        async with self._unit_of_work() as work:
            await CertificateStoreRepository(work.session).add(row)
            await work.commit()
        await self._contract_roots.refresh()
        return _to_proto(row)

    async def UpdateStoredCertificate(
        self,
        request: pb.UpdateStoredCertificateRequest,
        context: grpc.aio.ServicerContext[pb.UpdateStoredCertificateRequest, pb.StoredCertificate],
    ) -> pb.StoredCertificate:
        given = request.certificate
        required("certificate.fingerprint", given.fingerprint)
        fields = apply_mask(request.update_mask, given, CHANGEABLE)
        _check(given, fields)
        async with self._unit_of_work() as work:
            repository = CertificateStoreRepository(work.session)
            row = await repository.get(caller(context).tenant_id, given.fingerprint, for_update=True)
            if given.etag and given.etag != str(row.version):
                raise Conflict(f"certificate {row.fingerprint} was changed in between")
            if "uses" in fields:
                row.uses = mask_of(given.uses)
            if "description" in fields:
                row.description = given.description
            row.version += 1
            await work.commit()
        await self._contract_roots.refresh()
        return _to_proto(row)

    async def DeleteStoredCertificate(
        self,
        request: pb.DeleteStoredCertificateRequest,
        context: grpc.aio.ServicerContext[pb.DeleteStoredCertificateRequest, Empty],
    ) -> Empty:
        required("fingerprint", request.fingerprint)
        async with self._unit_of_work() as work:
            repository = CertificateStoreRepository(work.session)
            row = await repository.get(caller(context).tenant_id, request.fingerprint, for_update=True)
            await repository.remove(row)
            await work.commit()
        await self._contract_roots.refresh()
        return Empty()


def _check(given: pb.StoredCertificate, fields: "frozenset[str] | list[str]") -> None:
    if "uses" in fields and (not given.uses or 0 in given.uses):
        raise InvalidArgument("certificate.uses", "must name at least one use")
    if "description" in fields:
        check_length("certificate.description", given.description, 255)
        check_printable("certificate.description", given.description)


def _to_proto(row: StoredCertificate) -> pb.StoredCertificate:
    return pb.StoredCertificate(
        fingerprint=row.fingerprint,
        pem=row.pem,
        uses=[use for use in pb.CertificateUse.values() if use and row.uses & (1 << use)],
        description=row.description,
        subject=row.subject,
        issuer=row.issuer,
        serial_number=row.serial_number,
        valid_from=to_timestamp(row.valid_from),
        valid_to=to_timestamp(row.valid_until),
        root=row.subject == row.issuer,
        create_time=to_timestamp(row.create_time),
        etag=str(row.version),
    )
