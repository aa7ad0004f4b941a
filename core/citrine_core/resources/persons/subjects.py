"""Which ids a person has: of a token, its surrogate, contract and visual number, and of a group its name as well."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import persons_pb2 as pb
from citrine.ocpp.id_tags import surrogate_of
from citrine_core.errors import InvalidArgument
from citrine_core.resources.tokens import Token, lookup_of
from citrine_core.resources.tokens.queries import find_of_contract, find_of_group, find_of_lookups
from citrine_core.rpc import check_length

__all__ = ["Subject", "subject_of"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The tokens and ids of a person."""

    ids: Sequence[str]
    lookups: Sequence[str]
    tokens: Sequence[Token]


async def subject_of(
    session: AsyncSession, tenant_id: str, request: pb.ExportPersonRequest | pb.ErasePersonRequest
) -> Subject:
    """Return the ids of the person that a request names.

    Raises:
        InvalidArgument: When it names none.
    """
    which = request.WhichOneof("person")
    ids: dict[str, None] = {}
    lookups: dict[str, None] = {}
    if which == "id_token" and request.id_token.id_token:
        given, kind = request.id_token.id_token, request.id_token.type
        check_length("id_token.id_token", given, 255)
        lookup = lookup_of(given, kind)
        tokens = [one for one in await find_of_lookups(session, tenant_id, [lookup]) if not kind or one.type == kind]
        ids[given], lookups[lookup] = None, None
        if kind:
            ids[surrogate_of(given, kind)] = None
    elif which == "group_id" and request.group_id:
        tokens = list(await find_of_group(session, tenant_id, request.group_id))
        ids[request.group_id] = None
    else:
        raise InvalidArgument("person", "must be a token or a group")
    for token in tokens:
        ids[token.id_token], lookups[token.lookup] = None, None
        ids[surrogate_of(token.id_token, token.type)] = None
        if token.visual_number:
            ids[token.visual_number] = None
        # A contract may have other tokens, of other people.
        if token.contract_id and {one.lookup for one in await find_of_contract(session, token)} <= lookups.keys():
            ids[token.contract_id] = None
    return Subject(list(ids), list(lookups), tokens)
