"""AuditService."""

from typing import TypeAlias

import grpc

from citrine.api.v1 import audit_pb2 as pb
from citrine.api.v1.audit_pb2_grpc import AuditServiceServicer
from citrine_core.errors import PermissionDenied
from citrine_core.resources.audit.models import AuditRecord
from citrine_core.resources.audit.repository import AuditRepository
from citrine_core.resources.audit.verification import Verification
from citrine_core.rpc import caller, open_page, required, span_of, to_timestamp
from citrine_core.services import Services

__all__ = ["AuditServicer"]

ListContext: TypeAlias = "grpc.aio.ServicerContext[pb.ListAuditRecordsRequest, pb.ListAuditRecordsResponse]"
VerifyContext: TypeAlias = "grpc.aio.ServicerContext[pb.VerifyAuditRecordsRequest, pb.VerifyAuditRecordsResponse]"


class AuditServicer(AuditServiceServicer):
    """Audit records as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work

    async def GetAuditRecord(
        self,
        request: pb.GetAuditRecordRequest,
        context: "grpc.aio.ServicerContext[pb.GetAuditRecordRequest, pb.AuditRecord]",
    ) -> pb.AuditRecord:
        who, record_id = caller(context), required("record_id", request.record_id)
        async with self._unit_of_work(read_only=True) as work:
            found = AuditRepository(work.session).get(None if who.is_operator else who.tenant_id, record_id)
            return _to_proto(await found)

    async def ListAuditRecords(
        self, request: pb.ListAuditRecordsRequest, context: ListContext
    ) -> pb.ListAuditRecordsResponse:
        who = caller(context)
        if request.all_tenants and not who.is_operator:
            raise PermissionDenied("only the operator of all tenants sees the records of all")
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await AuditRepository(work.session).list(
                None if request.all_tenants else who.tenant_id,
                open_page(request),
                caller_id=request.caller_id,
                method=request.method,
                object_part=request.object,
                about=request.about,
                times=span_of(request.time),
            )
        return pb.ListAuditRecordsResponse(records=map(_to_proto, rows), next_page_token=token)

    async def VerifyAuditRecords(
        self, request: pb.VerifyAuditRecordsRequest, context: VerifyContext
    ) -> pb.VerifyAuditRecordsResponse:
        verification = Verification(self._unit_of_work)
        await verification.run()
        return pb.VerifyAuditRecordsResponse(
            records=verification.records,
            chains=verification.chains,
            erased=verification.erased,
            problems=[
                pb.AuditProblem(chain_id=problem.chain_id, number=problem.number, description=problem.description)
                for problem in verification.problems
            ],
        )


def _to_proto(row: AuditRecord) -> pb.AuditRecord:
    return pb.AuditRecord(
        record_id=row.record_id,
        tenant_id=row.tenant_id,
        time=to_timestamp(row.create_time),
        caller_id=row.caller_id,
        caller_name=row.caller_name,
        address=row.address,
        method=row.method,
        object=row.object,
        request=row.request,
        outcome=row.outcome,
        count=row.count,
        chain_id=row.chain_id,
        number=row.number,
        hash=row.hash,
        previous_hash=row.previous_hash,
    )
