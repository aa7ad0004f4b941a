"""TokensService: the operator's access to tokens."""

from collections.abc import Collection
from decimal import Decimal

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import tokens_pb2 as pb
from citrine.api.v1.tokens_pb2_grpc import TokensServiceServicer
from citrine_core.db import UnitOfWork
from citrine_core.errors import Conflict, InvalidArgument
from citrine_core.resources.tokens.checks import check_fields, check_languages, check_name
from citrine_core.resources.tokens.formats import lookup_of, type_of
from citrine_core.resources.tokens.models import Token
from citrine_core.resources.tokens.repository import TokenRepository
from citrine_core.resources.usage_limits import NO_LIMIT, Limit, parse_amount
from citrine_core.rpc import apply_mask, caller, open_page, required, time_or_none, to_timestamp
from citrine_core.services import Services

__all__ = ["TokensServicer"]

CHANGEABLE = frozenset(
    {
        "status",
        "group_id",
        "expire_time",
        "master_pass",
        "language",
        "charging_priority",
        "description",
        "second_language",
        "cache_time",
        "message",
        "rules",
        "limit",
    }
)
"""Fields that UpdateToken may change."""


class TokensServicer(TokensServiceServicer):
    """Tokens as the API shows them."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._registry = services.registry

    async def _changed(self, work: UnitOfWork, token: Token) -> None:
        """Notify blocks of a token that was added, changed or removed, in the same database transaction."""
        for notify in self._registry.on_token_change:
            await notify(work, token.tenant_id, [(token.id_token, token.type)])

    async def GetToken(
        self, request: pb.GetTokenRequest, context: grpc.aio.ServicerContext[pb.GetTokenRequest, pb.Token]
    ) -> pb.Token:
        required("id_token", request.id_token)
        async with self._unit_of_work(read_only=True) as work:
            token = await TokenRepository(work.session).get(caller(context).tenant_id, request.id_token, request.type)
            return await self._with_credit(work, token)

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
            await self._changed(work, token)
            shown = await self._with_credit(work, token)
            await work.commit()
        return shown

    async def _with_credit(self, work: UnitOfWork, token: Token) -> pb.Token:
        """Return a token with its remaining credit if it is prepaid."""
        shown = _to_proto(token)
        for credit_left in self._registry.credit_left if token.prepaid is not None else ():
            left = await credit_left(work, token.tenant_id, [token])
            shown.prepaid.left = f"{left[token.lookup, token.type]:f}"
        return shown

    async def ListTokens(
        self,
        request: pb.ListTokensRequest,
        context: grpc.aio.ServicerContext[pb.ListTokensRequest, pb.ListTokensResponse],
    ) -> pb.ListTokensResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await TokenRepository(work.session).list(
                caller(context).tenant_id, open_page(request), group_id=request.group_id
            )
        return pb.ListTokensResponse(tokens=map(_to_proto, rows), next_page_token=token)

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
            create_time=self._clock(),
            version=1,
        )
        _assign(token, request.token, CHANGEABLE)
        check_languages(token.language, token.second_language)
        async with self._unit_of_work() as work:
            await TokenRepository(work.session).add(token)
            await self._changed(work, token)
            await work.commit()
        return _to_proto(token)

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
            status = token.status
            _assign(token, request.token, fields)
            if token.status != status:
                token.status_time = self._clock()
            check_languages(token.language, token.second_language)
            token.version += 1
            await self._changed(work, token)
            await work.commit()
        return _to_proto(token)

    async def DeleteToken(
        self, request: pb.DeleteTokenRequest, context: grpc.aio.ServicerContext[pb.DeleteTokenRequest, Empty]
    ) -> Empty:
        required("id_token", request.id_token)
        async with self._unit_of_work() as work:
            tokens = TokenRepository(work.session)
            tenant_id = caller(context).tenant_id
            token = await tokens.get(tenant_id, request.id_token, request.type, for_update=True)
            await tokens.remove(token)
            await self._changed(work, token)
            await work.commit()
        return Empty()


def _assign(row: Token, token: pb.Token, fields: Collection[str]) -> None:
    for name in fields:
        if name == "expire_time":
            row.expire_time = time_or_none(token.expire_time, is_set=token.HasField("expire_time"))
        elif name == "status":
            row.status = token.status or pb.TOKEN_STATUS_ACCEPTED
        elif name == "cache_time":
            row.cache_time = token.cache_time.seconds if token.HasField("cache_time") else None
        elif name == "limit":
            limit = Limit.read("token.limit", token.limit) if token.HasField("limit") else NO_LIMIT
            for column, value in limit.columns.items():
                setattr(row, column, value)
        elif name == "rules":
            content = token.rules.SerializeToString(deterministic=True)
            # Rules that restrict nothing are stored as NULL.
            row.rules = content or None
        else:
            setattr(row, name, getattr(token, name))


def _to_proto(row: Token) -> pb.Token:
    return pb.Token(
        id_token=row.id_token,
        type=row.type,
        tenant_id=row.tenant_id,
        status=pb.TokenStatus.ValueType(row.status),
        group_id=row.group_id,
        expire_time=to_timestamp(row.expire_time),
        master_pass=row.master_pass,
        language=row.language,
        charging_priority=row.charging_priority,
        description=row.description,
        create_time=to_timestamp(row.create_time),
        etag=str(row.version),
        second_language=row.second_language,
        cache_time=None if row.cache_time is None else Duration(seconds=row.cache_time),
        message=row.message,
        rules=None if row.rules is None else pb.TokenRules.FromString(row.rules),
        limit=Limit.of(row).to_proto(),
        prepaid=None if row.prepaid is None else pb.Prepaid(paid=row.prepaid, since=to_timestamp(row.prepaid_since)),
    )
