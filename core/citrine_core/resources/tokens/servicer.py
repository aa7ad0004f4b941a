"""TokensService: the operator's access to tokens."""

from collections.abc import AsyncIterator, Collection, Sequence
from decimal import Decimal

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import tokens_pb2 as pb
from citrine.api.v1.tokens_pb2_grpc import TokensServiceServicer
from citrine.events.v1.events_pb2 import Event, TokenChanged, TokenOwnerChanged
from citrine_core.db import Page, UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.errors import Conflict, InvalidArgument
from citrine_core.resources.tokens.checks import check_fields, check_languages, check_name, check_owner, checked_party
from citrine_core.resources.tokens.conversion import CHANGEABLE, changed_event, columns_of, to_proto
from citrine_core.resources.tokens.filters import TokenFilter
from citrine_core.resources.tokens.formats import lookup_of, type_of
from citrine_core.resources.tokens.imports import TokenImport
from citrine_core.resources.tokens.models import Token, TokenOwnerSuspension
from citrine_core.resources.tokens.removal import delete_token
from citrine_core.resources.tokens.repository import TokenRepository
from citrine_core.resources.tokens.suspensions import Party, SuspensionRepository, find_suspended
from citrine_core.resources.usage_limits import parse_amount
from citrine_core.rpc import apply_mask, caller, check_length, open_page, required, to_timestamp
from citrine_core.services import Services

__all__ = ["TokensServicer"]

EXPORTED = 1000
"""Tokens of one response of ExportTokens."""

REASON = 64
"""Longest reason of a suspension."""

ImportContext = grpc.aio.ServicerContext[pb.ImportTokensRequest, pb.ImportTokensResponse]
ExportContext = grpc.aio.ServicerContext[pb.ExportTokensRequest, pb.ExportTokensResponse]
SuspendContext = grpc.aio.ServicerContext[pb.SuspendTokenOwnerRequest, pb.TokenOwnerSuspension]
SuspensionsContext = grpc.aio.ServicerContext[pb.ListTokenOwnerSuspensionsRequest, pb.ListTokenOwnerSuspensionsResponse]


class TokensServicer(TokensServiceServicer):
    """Tokens as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._registry = services.registry

    async def _changed(self, work: UnitOfWork, token: Token, kind: "TokenChanged.Kind.ValueType") -> None:
        """Notify blocks and clients of a token that was added, changed or removed, in the same database transaction."""
        work.emit(changed_event(token, kind))
        for notify in self._registry.on_token_change:
            await notify(work, token.tenant_id, [(token.id_token, token.type)])

    async def GetToken(
        self, request: pb.GetTokenRequest, context: grpc.aio.ServicerContext[pb.GetTokenRequest, pb.Token]
    ) -> pb.Token:
        required("id_token", request.id_token)
        async with self._unit_of_work(read_only=True) as work:
            token = await TokenRepository(work.session).get(caller(context).tenant_id, request.id_token, request.type)
            (shown,) = await _shown(work, [token])
            await self._add_credit_left(work, token, shown)
        return shown

    async def AddCredit(
        self, request: pb.AddCreditRequest, context: grpc.aio.ServicerContext[pb.AddCreditRequest, pb.Token]
    ) -> pb.Token:
        required("id_token", request.id_token)
        amount = parse_amount("amount", required("amount", request.amount))
        async with self._unit_of_work() as work:
            token = await TokenRepository(work.session).get(
                caller(context).tenant_id, request.id_token, request.type, for_update=True
            )
            if token.prepaid is None:
                token.prepaid_since = self._clock()
            total = Decimal(token.prepaid or 0) + amount
            if total < 0:
                raise InvalidArgument("amount", "must not be more than was paid")
            token.prepaid = f"{total:f}"
            token.version += 1
            token.update_time = await change_time(work.session, self._clock)
            await self._changed(work, token, TokenChanged.KIND_UPDATED)
            shown = to_proto(token)
            await self._add_credit_left(work, token, shown)
            await work.commit()
        return shown

    async def _add_credit_left(self, work: UnitOfWork, token: Token, shown: pb.Token) -> None:
        """Add to a token that is shown what is left of its credit, if it is prepaid."""
        for credit_left in self._registry.credit_left if token.prepaid is not None else ():
            left = await credit_left(work, token.tenant_id, [token])
            shown.prepaid.left = f"{left[token.lookup, token.type]:f}"

    async def ListTokens(
        self,
        request: pb.ListTokensRequest,
        context: grpc.aio.ServicerContext[pb.ListTokensRequest, pb.ListTokensResponse],
    ) -> pb.ListTokensResponse:
        page, wanted = open_page(request), TokenFilter.of(request)
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await TokenRepository(work.session).list(caller(context).tenant_id, page, wanted)
            shown = await _shown(work, rows)
        return pb.ListTokensResponse(tokens=shown, next_page_token=token)

    async def CreateToken(
        self, request: pb.CreateTokenRequest, context: grpc.aio.ServicerContext[pb.CreateTokenRequest, pb.Token]
    ) -> pb.Token:
        check_name(request.token)
        check_fields(request.token, CHANGEABLE)
        token = Token(
            tenant_id=caller(context).tenant_id,
            lookup=lookup_of(request.token.id_token, request.token.type),
            type=type_of(request.token.type),
            id_token=request.token.id_token,
            version=1,
        )
        _assign(token, request.token, CHANGEABLE)
        async with self._unit_of_work() as work:
            token.create_time = token.update_time = await change_time(work.session, self._clock)
            await TokenRepository(work.session).add(token)
            await self._changed(work, token, TokenChanged.KIND_CREATED)
            await work.commit()
        return to_proto(token)

    async def UpdateToken(
        self, request: pb.UpdateTokenRequest, context: grpc.aio.ServicerContext[pb.UpdateTokenRequest, pb.Token]
    ) -> pb.Token:
        required("token.id_token", request.token.id_token)
        required("token.type", request.token.type)
        fields = apply_mask(request.update_mask, request.token, CHANGEABLE)
        check_fields(request.token, fields)
        async with self._unit_of_work() as work:
            token = await TokenRepository(work.session).get(
                caller(context).tenant_id, request.token.id_token, request.token.type, for_update=True
            )
            if request.token.etag and request.token.etag != str(token.version):
                raise Conflict(f"token {token.id_token} was changed in between")
            status, valid = token.status, token.valid
            _assign(token, request.token, fields)
            if token.status != status:
                token.status_time = self._clock()
            if token.valid != valid:
                token.valid_time = self._clock()
            token.version += 1
            token.update_time = await change_time(work.session, self._clock)
            await self._changed(work, token, TokenChanged.KIND_UPDATED)
            await work.commit()
        return to_proto(token)

    async def DeleteToken(
        self, request: pb.DeleteTokenRequest, context: grpc.aio.ServicerContext[pb.DeleteTokenRequest, Empty]
    ) -> Empty:
        required("id_token", request.id_token)
        async with self._unit_of_work() as work:
            tokens = TokenRepository(work.session)
            tenant_id = caller(context).tenant_id
            token = await tokens.get(tenant_id, request.id_token, request.type, for_update=True)
            await delete_token(work, self._services, token)
            await work.commit()
        return Empty()

    async def ImportTokens(
        self, request_iterator: AsyncIterator[pb.ImportTokensRequest], context: ImportContext
    ) -> AsyncIterator[pb.ImportTokensResponse]:
        async for response in TokenImport(self._services, caller(context).tenant_id).run(request_iterator):
            yield response

    async def ExportTokens(
        self, request: pb.ExportTokensRequest, context: ExportContext
    ) -> AsyncIterator[pb.ExportTokensResponse]:
        page, wanted = Page(EXPORTED), TokenFilter.of(request)
        while True:
            async with self._unit_of_work(read_only=True) as work:
                rows, token = await TokenRepository(work.session).list(caller(context).tenant_id, page, wanted)
                shown = await _shown(work, rows)
            if shown:
                yield pb.ExportTokensResponse(tokens=shown)
            if not token:
                return
            page = Page.of_token(token, EXPORTED, "")

    async def SuspendTokenOwner(
        self, request: pb.SuspendTokenOwnerRequest, context: SuspendContext
    ) -> pb.TokenOwnerSuspension:
        party, who = checked_party(request.country_code, request.party_id), caller(context)
        check_length("reason", request.reason, REASON)
        async with self._unit_of_work() as work:
            suspensions = SuspensionRepository(work.session)
            row, is_new = await suspensions.add(who.tenant_id, party, request.reason, who.name, self._clock())
            if is_new:
                await self._owner_changed(work, who.tenant_id, party)
                await work.commit()
        return _suspension(row)

    async def ResumeTokenOwner(
        self, request: pb.ResumeTokenOwnerRequest, context: grpc.aio.ServicerContext[pb.ResumeTokenOwnerRequest, Empty]
    ) -> Empty:
        party, tenant_id = checked_party(request.country_code, request.party_id), caller(context).tenant_id
        async with self._unit_of_work() as work:
            await SuspensionRepository(work.session).remove(tenant_id, party, request.reason)
            await self._owner_changed(work, tenant_id, party)
            await work.commit()
        return Empty()

    async def ListTokenOwnerSuspensions(
        self, request: pb.ListTokenOwnerSuspensionsRequest, context: SuspensionsContext
    ) -> pb.ListTokenOwnerSuspensionsResponse:
        page = open_page(request)
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await SuspensionRepository(work.session).list(caller(context).tenant_id, page)
        return pb.ListTokenOwnerSuspensionsResponse(suspensions=map(_suspension, rows), next_page_token=token)

    async def _owner_changed(self, work: UnitOfWork, tenant_id: str, party: Party) -> None:
        """Notify blocks and clients that the tokens of a party are decided on anew, in the same transaction."""
        is_suspended = bool(await SuspensionRepository(work.session).since(tenant_id, [party]))
        changed = TokenOwnerChanged(country_code=party[0], party_id=party[1], suspended=is_suspended)
        work.emit(Event(tenant_id=tenant_id, token_owner_changed=changed))
        for notify in self._registry.on_owner_change:
            await notify(work, tenant_id, party)


async def _shown(work: UnitOfWork, rows: Sequence[Token]) -> list[pb.Token]:
    """Return tokens of a tenant as they are shown, with the suspensions of their owners."""
    suspended = await find_suspended(work.session, rows[0].tenant_id, rows) if rows else {}
    shown = [*map(to_proto, rows)]
    for row, token in zip(rows, shown, strict=True):
        since = suspended.get((row.country_code, row.party_id))
        if since is not None:
            token.suspend_time.FromDatetime(since)
    return shown


def _suspension(row: TokenOwnerSuspension) -> pb.TokenOwnerSuspension:
    return pb.TokenOwnerSuspension(
        country_code=row.country_code,
        party_id=row.party_id,
        reason=row.reason,
        requested_by=row.requested_by,
        suspend_time=to_timestamp(row.suspend_time),
    )


def _assign(row: Token, token: pb.Token, fields: Collection[str]) -> None:
    for column, value in columns_of(token, fields).items():
        setattr(row, column, value)
    check_languages(row.language, row.second_language)
    check_owner(row.country_code, row.party_id)
