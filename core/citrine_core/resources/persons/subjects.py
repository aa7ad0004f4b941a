"""Which ids a person has: of a token, its surrogate, contract and visual number, and of a group its name as well."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import persons_pb2 as pb
from citrine.ocpp.id_tags import surrogate_of
from citrine_core.blocks.transactions.lists.queries import find_owners_of
from citrine_core.errors import FailedPrecondition, InvalidArgument
from citrine_core.resources.charge_records.queries import tokens_recorded
from citrine_core.resources.persons.fields import CONTRACT, GROUP, NUMBER, TOKEN
from citrine_core.resources.persons.pseudonyms import is_distinctive
from citrine_core.resources.tokens import Token, lookup_of, lookups_of, type_of
from citrine_core.resources.tokens.owners import TokenOwner, owner_of, owner_recorded, unpack_owner
from citrine_core.resources.tokens.queries import find_of_contract, find_of_group, find_of_lookups
from citrine_core.rpc import check_length

__all__ = ["Subject", "subject_of"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The tokens and ids of a person."""

    ids: Sequence[tuple[str, str, str]]
    """Each with its kind, as in `fields`, and the type of its token; empty: of any type, or of no token."""
    lookups: Sequence[str]
    tokens: Sequence[Token]


async def subject_of(
    session: AsyncSession, tenant_id: str, request: pb.ExportPersonRequest | pb.ErasePersonRequest
) -> Subject:
    """Return the ids of the person that a request names.

    Raises:
        InvalidArgument: When it names none.
        FailedPrecondition: When somebody else has an id that is looked for wherever it stands.
    """
    which = request.WhichOneof("person")
    ids: dict[tuple[str, str, str], None] = {}
    lookups: dict[str, None] = {}
    kind = ""
    if which == "id_token" and request.id_token.id_token:
        given, kind = request.id_token.id_token, type_of(request.id_token.type)
        check_length("id_token.id_token", given, 255)
        lookup = lookup_of(given, kind)
        tokens = [one for one in await find_of_lookups(session, tenant_id, [lookup]) if not kind or one.type == kind]
        ids[given, TOKEN, kind], lookups[lookup] = None, None
        if kind:
            ids[surrogate_of(given, kind), TOKEN, kind] = None
    elif which == "group_id" and request.group_id:
        tokens = list(await find_of_group(session, tenant_id, request.group_id))
        ids[request.group_id, GROUP, ""] = None
    else:
        raise InvalidArgument("person", "must be a token or a group")
    for token in tokens:
        lookups[token.lookup] = None
        if (token.id_token, TOKEN, "") not in ids:
            ids[token.id_token, TOKEN, token.type] = None
        ids[surrogate_of(token.id_token, token.type), TOKEN, token.type] = None
    keys = {(one, kind) for one in lookups} if which == "id_token" else {(one.lookup, one.type) for one in tokens}
    owners = dict.fromkeys([*map(owner_of, tokens), *await _owners_before(session, tenant_id, keys)])
    for number in dict.fromkeys(one.visual_number for one in owners if one.visual_number):
        ids[number, NUMBER, ""] = None
    for contract_id in dict.fromkeys(one.contract_id for one in owners if one.contract_id):
        # It may have other tokens, of other people.
        if {one.lookup for one in await find_of_contract(session, tenant_id, contract_id)} <= lookups.keys():
            ids[contract_id, CONTRACT, ""] = None
    await _check_others(session, tenant_id, [one for one, kind, _ in ids if kind in (TOKEN, GROUP)], tokens)
    return Subject(list(ids), list(lookups), tokens)


async def _owners_before(
    session: AsyncSession, tenant_id: str, tokens: Collection[tuple[str, str]]
) -> Sequence[TokenOwner]:
    """Return whose tokens were when they charged: they may be deleted, or have another contract since.

    Args:
        session: Of the database.
        tenant_id: The tenant.
        tokens: Lookups and types. A type that is empty: of any.
    """
    lookups = list(dict.fromkeys(lookup for lookup, _ in tokens))
    found: dict[tuple[str, str, TokenOwner], None] = {}
    for lookup, kind, stored in await find_owners_of(session, tenant_id, lookups):
        found[lookup, kind, unpack_owner(stored)] = None
    for lookup in lookups:
        # Transactions that releases of before stored have no owner, and some are removed.
        async for token in tokens_recorded(session, tenant_id, lookup):
            found[lookup, token.id_token.type, owner_recorded(token)] = None
    return [owner for lookup, kind, owner in found if not {(lookup, ""), (lookup, type_of(kind))}.isdisjoint(tokens)]


async def _check_others(session: AsyncSession, tenant_id: str, ids: Sequence[str], tokens: Sequence[Token]) -> None:
    """Refuse a distinctive id, which is found whatever its kind and type, that a token of somebody else has as well."""
    own = {(one.lookup, one.type) for one in tokens}
    lookups = {lookup for one in ids if is_distinctive(one) for lookup in lookups_of(one)}
    others = [one for one in await find_of_lookups(session, tenant_id, lookups) if (one.lookup, one.type) not in own]
    if others:
        raise FailedPrecondition(
            f"another token, of type {others[0].type}, has the same id: delete it first, or name both, "
            "by their id as it is stored, without a type"
        )
