"""PersonsService: what is stored of a driver, given out and erased."""

from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import grpc
import orjson

from citrine.api.v1 import persons_pb2 as pb
from citrine.api.v1.persons_pb2_grpc import PersonsServiceServicer
from citrine_core.errors import FailedPrecondition, NotFound
from citrine_core.ids import new_id
from citrine_core.resources.persons.erasing import pack_ids
from citrine_core.resources.persons.export import export_rows
from citrine_core.resources.persons.models import ErasureRow
from citrine_core.resources.persons.pseudonyms import Identity, Person, pseudonym_for
from citrine_core.resources.persons.repository import ErasureRepository
from citrine_core.resources.persons.subjects import subject_of
from citrine_core.resources.tokens import delete_token
from citrine_core.rpc import caller, open_page, required, to_timestamp
from citrine_core.services import Services

__all__ = ["PersonsServicer"]

ExportContext: TypeAlias = "grpc.aio.ServicerContext[pb.ExportPersonRequest, pb.ExportPersonResponse]"
ListContext: TypeAlias = "grpc.aio.ServicerContext[pb.ListErasuresRequest, pb.ListErasuresResponse]"


class PersonsServicer(PersonsServiceServicer):
    """Persons as the API shows them."""

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._wake = wake

    async def ExportPerson(
        self, request: pb.ExportPersonRequest, context: ExportContext
    ) -> AsyncIterator[pb.ExportPersonResponse]:
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            subject = await subject_of(work.session, tenant_id, request)
        person = Person([Identity(one, pseudonym_for(one), kind, of) for one, kind, of in subject.ids])
        async for kind, content in export_rows(self._unit_of_work, tenant_id, person):
            yield pb.ExportPersonResponse(kind=kind, content=content)

    async def ErasePerson(
        self, request: pb.ErasePersonRequest, context: "grpc.aio.ServicerContext[pb.ErasePersonRequest, pb.Erasure]"
    ) -> pb.Erasure:
        who, now = caller(context), self._clock()
        async with self._unit_of_work() as work:
            subject = await subject_of(work.session, who.tenant_id, request)
            if not subject.lookups:
                raise NotFound("token of the group", request.group_id)
            repository = ErasureRepository(work.session)
            for running in await repository.list_running(who.tenant_id):
                if set(orjson.loads(running.lookups)) & set(subject.lookups):
                    raise FailedPrecondition(f"erasure {running.erasure_id} of it is under way")
            identities = [Identity(one, pseudonym_for(one), kind, of) for one, kind, of in subject.ids]
            person = Person(identities)
            for token in subject.tokens:
                await delete_token(work, self._services, token)
            for forget in self._services.registry.forget_tokens:
                await forget(work, who.tenant_id, person.keys_of(subject.lookups))
            row = ErasureRow(
                tenant_id=who.tenant_id,
                erasure_id=new_id(),
                state=pb.ERASURE_STATE_WAITING,
                waits_for="",
                ids=pack_ids(subject.ids),
                pseudonyms=orjson.dumps([one.pseudonym for one in identities]).decode(),
                lookups=orjson.dumps(subject.lookups).decode(),
                table_name="",
                after_key="",
                tables_done=0,
                tables_total=0,
                changed_rows=0,
                requested_by=who.name,
                create_time=now,
                next_time=now,
            )
            work.session.add(row)
            work.after_commit(self._wake)
            await work.commit()
        return _to_proto(row)

    async def GetErasure(
        self, request: pb.GetErasureRequest, context: "grpc.aio.ServicerContext[pb.GetErasureRequest, pb.Erasure]"
    ) -> pb.Erasure:
        erasure_id = required("erasure_id", request.erasure_id)
        async with self._unit_of_work(read_only=True) as work:
            return _to_proto(await ErasureRepository(work.session).get(caller(context).tenant_id, erasure_id))

    async def ListErasures(self, request: pb.ListErasuresRequest, context: ListContext) -> pb.ListErasuresResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await ErasureRepository(work.session).list(caller(context).tenant_id, open_page(request))
        return pb.ListErasuresResponse(erasures=map(_to_proto, rows), next_page_token=token)


def _to_proto(row: ErasureRow) -> pb.Erasure:
    return pb.Erasure(
        erasure_id=row.erasure_id,
        state=pb.ErasureState.ValueType(row.state),
        waits_for=row.waits_for,
        pseudonyms=orjson.loads(row.pseudonyms),
        tables_done=row.tables_done,
        tables_total=row.tables_total,
        changed_rows=row.changed_rows,
        requested_by=row.requested_by,
        create_time=to_timestamp(row.create_time),
        finish_time=to_timestamp(row.finish_time),
    )
