"""KeysService: the operator's access to API keys."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import keys_pb2 as pb
from citrine.api.v1.keys_pb2_grpc import KeysServiceServicer
from citrine_core.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.repository import KeyRepository
from citrine_core.resources.keys.rotation import rotate
from citrine_core.resources.keys.secrets import new_key
from citrine_core.rpc import Caller, caller, check_length, open_page, required, time_or_none, to_timestamp
from citrine_core.rpc.roles import ALL_SCOPES, INCLUDED, ROLES, allowed
from citrine_core.services import Services

__all__ = ["KeysServicer"]

SCOPE = re.compile(r"[a-z_]{1,40}:[a-z]{1,20}")
"""The form of the names of scopes, including those of plug-ins."""

MAX_SCOPES = 100
"""Most scopes of a key."""

DEFAULT_GRACE = timedelta(hours=1)
"""How long a rotated key remains valid by default."""

MOST_GRACE = timedelta(days=90)
"""The longest time that a rotated key may remain valid."""


class KeysServicer(KeysServiceServicer):
    """API keys as the API shows them.

    Args:
        services: The services of the core.
        scopes: The scopes that rpcs need. A key with other scopes is refused as a misspelling. Empty: not known.
    """

    def __init__(self, services: Services, scopes: frozenset[str] = frozenset()) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._scopes = scopes

    async def GetCaller(
        self, request: pb.GetCallerRequest, context: grpc.aio.ServicerContext[pb.GetCallerRequest, pb.Caller]
    ) -> pb.Caller:
        who = caller(context)
        return pb.Caller(
            display_name=who.name,
            tenant_id=who.tenant_id,
            operator=who.is_operator,
            scopes=sorted(who.scopes),
            roles=sorted(who.roles),
            key_id=who.key_id if who.credential == "key" else "",
            expire_time=to_timestamp(who.expire_time) if who.expire_time is not None else None,
        )

    async def ListKeys(
        self, request: pb.ListKeysRequest, context: grpc.aio.ServicerContext[pb.ListKeysRequest, pb.ListKeysResponse]
    ) -> pb.ListKeysResponse:
        who = caller(context)
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await KeyRepository(work.session).list(
                who.tenant_id, open_page(request), operators=who.is_operator
            )
        return pb.ListKeysResponse(keys=map(_to_proto, rows), next_page_token=token)

    async def GetKey(
        self, request: pb.GetKeyRequest, context: grpc.aio.ServicerContext[pb.GetKeyRequest, pb.Key]
    ) -> pb.Key:
        who = caller(context)
        async with self._unit_of_work(read_only=True) as work:
            row = await KeyRepository(work.session).get(
                who.tenant_id, required("key_id", request.key_id), operators=who.is_operator
            )
        return _to_proto(row)

    async def ListRoles(
        self, request: pb.ListRolesRequest, context: grpc.aio.ServicerContext[pb.ListRolesRequest, pb.ListRolesResponse]
    ) -> pb.ListRolesResponse:
        roles = (
            pb.Role(name=role.name, description=role.description, scopes=sorted(allowed(role.scopes)))
            for role in ROLES.values()
        )
        return pb.ListRolesResponse(roles=roles)

    async def CreateKey(
        self, request: pb.CreateKeyRequest, context: grpc.aio.ServicerContext[pb.CreateKeyRequest, pb.CreateKeyResponse]
    ) -> pb.CreateKeyResponse:
        who, now = caller(context), self._clock()
        check_length("display_name", request.display_name, 100, least=1)
        self._check_scopes(request.scopes)
        _check_roles(request)
        expire_time = _expire_time(request, now)
        _check_not_more(who, request.operator, request.scopes, request.roles, expire_time)
        key = new_key()
        row = ApiKey(
            key_id=key.key_id,
            tenant_id=None if request.operator else who.tenant_id,
            display_name=request.display_name,
            scopes=" ".join(sorted(set(request.scopes))),
            roles=" ".join(sorted(set(request.roles))),
            secret_hash=key.secret_hash,
            expire_time=expire_time,
            create_time=now,
        )
        async with self._unit_of_work() as work:
            await KeyRepository(work.session).add(row)
            await work.commit()
        return pb.CreateKeyResponse(key=_to_proto(row), secret=str(key))

    async def RotateKey(
        self, request: pb.RotateKeyRequest, context: grpc.aio.ServicerContext[pb.RotateKeyRequest, pb.RotateKeyResponse]
    ) -> pb.RotateKeyResponse:
        required("key_id", request.key_id)
        who, now, key = caller(context), self._clock(), new_key()
        grace, expire_time = _grace(request), _expire_time(request, now)
        async with self._unit_of_work() as work:
            keys = KeyRepository(work.session)
            old = await keys.get(who.tenant_id, request.key_id, operators=who.is_operator, for_update=True)
            _check_can_rotate(old, now)
            new = rotate(old, key, now, grace, expire_time or old.expire_time)
            _check_not_more(who, old.tenant_id is None, new.scopes.split(), new.roles.split(), new.expire_time)
            await keys.add(new)
            await work.commit()
        return pb.RotateKeyResponse(key=_to_proto(new), secret=str(key), replaced=_to_proto(old))

    async def RevokeKey(
        self, request: pb.RevokeKeyRequest, context: grpc.aio.ServicerContext[pb.RevokeKeyRequest, Empty]
    ) -> Empty:
        required("key_id", request.key_id)
        who = caller(context)
        async with self._unit_of_work() as work:
            keys = KeyRepository(work.session)
            key = await keys.get(who.tenant_id, request.key_id, operators=who.is_operator)
            # The time of the first revocation counts.
            key.revoke_time = key.revoke_time or self._clock()
            if key.key_file is not None:
                # Also where its core had replaced it: nothing stands for a key that somebody revoked.
                key.replaced_by = None
            await work.commit()
        return Empty()

    def _check_scopes(self, scopes: Sequence[str]) -> None:
        if len(scopes) > MAX_SCOPES:
            raise InvalidArgument("scopes", f"must be {MAX_SCOPES} scopes at most")
        for position, scope in enumerate(scopes):
            if scope == ALL_SCOPES or scope in INCLUDED:
                continue
            if not SCOPE.fullmatch(scope) or (self._scopes and scope not in self._scopes):
                like = " or ".join(get_close_matches(scope[:50], sorted(self._scopes), 2))
                hint = f"did you mean {like}?" if like else "ListRoles says which there are"
                raise InvalidArgument(f"scopes[{position}]", f"no rpc needs the scope {scope[:50]}; {hint}")


def _check_roles(request: pb.CreateKeyRequest) -> None:
    if not request.scopes and not request.roles:
        raise InvalidArgument("scopes", "a key needs a role, or a scope")
    for position, role in enumerate(request.roles):
        if role not in ROLES:
            raise InvalidArgument(f"roles[{position}]", f"there is no role {role[:50]}; there are: {', '.join(ROLES)}")


def _expire_time(request: pb.CreateKeyRequest | pb.RotateKeyRequest, now: datetime) -> datetime | None:
    expire_time = time_or_none(request.expire_time, is_set=request.HasField("expire_time"))
    if expire_time is not None and expire_time <= now:
        raise InvalidArgument("expire_time", "must be in the future")
    return expire_time


def _grace(request: pb.RotateKeyRequest) -> timedelta:
    grace = request.grace.ToTimedelta() if request.HasField("grace") else DEFAULT_GRACE
    if not timedelta(0) <= grace <= MOST_GRACE:
        raise InvalidArgument("grace", f"must be 0 to {MOST_GRACE.days} days")
    return grace


def _check_can_rotate(key: ApiKey, now: datetime) -> None:
    if key.revoke_time is not None:
        raise FailedPrecondition(f"key {key.key_id} is revoked: make a new one")
    if key.replaced_by is not None:
        raise FailedPrecondition(f"key {key.key_id} was rotated already: key {key.replaced_by} took its place")
    if key.expire_time is not None and key.expire_time <= now:
        raise FailedPrecondition(f"key {key.key_id} has expired: make a new one")
    if key.key_file is not None:
        raise FailedPrecondition(
            f"key {key.key_id} is that of a key file: remove {key.key_file} and start its core anew"
        )


def _check_not_more(
    who: Caller, for_operator: bool, scopes: Sequence[str], roles: Sequence[str], expire_time: datetime | None
) -> None:
    """Refuse a key with more scopes or roles, or a later expiry, than the caller's own key."""
    if for_operator and not who.is_operator:
        raise PermissionDenied("only the operator may make keys of the operator")
    for scope in scopes:
        if not who.has_scope(scope):
            raise PermissionDenied(f"the key lacks the scope {scope}, and so can't give it")
    for role in roles:
        # Who has its scopes today may not have those that it gets by a later release.
        if role not in who.roles and not who.has_scope(ALL_SCOPES):
            raise PermissionDenied(f"the key lacks the role {role}, and so can't give it")
    if who.expire_time is not None and (expire_time is None or expire_time > who.expire_time):
        raise PermissionDenied("the key can't make one that is valid longer than itself")


def _to_proto(row: ApiKey) -> pb.Key:
    return pb.Key(
        key_id=row.key_id,
        display_name=row.display_name,
        tenant_id=row.tenant_id or "",
        scopes=row.scopes.split(),
        roles=row.roles.split(),
        expire_time=to_timestamp(row.expire_time),
        create_time=to_timestamp(row.create_time),
        revoke_time=to_timestamp(row.revoke_time),
        last_use_time=to_timestamp(row.last_use_time),
        key_file=row.key_file or "",
        replaced_by=row.replaced_by or "",
    )
