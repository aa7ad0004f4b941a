"""Tokens whose type a station's version of OCPP can't say: which of the tenant's tokens each of them is."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from citrine.ocpp.id_tags import id_tag_of
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.authorization.directory import SettingsDirectory
from citrine_core.blocks.authorization.repository import AuthorizationRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call
from citrine_core.resources.tokens import TokenRepository, same_spelling
from citrine_core.services import Services

__all__ = ["name_types"]

_Key = tuple[str, str]
"""Station and id."""


async def name_types(work: UnitOfWork, services: Services, calls: Sequence[Call[Any]]) -> None:
    """Replace untyped tokens in the messages of calls by the tenant's tokens, and surrogates by their ids.

    A token that the tenant does not have is one of a remote start of its station (F01), if it has the same id; else
    its type stays empty. Makes no query if all tokens have a type. The message of the edge is not changed, but
    replaced in its call.
    """
    untyped = [call for call in calls if call.message.HasField("id_token") and not call.message.id_token.type]
    if not untyped:
        return
    directory, tenant_id = SettingsDirectory.of(services), untyped[0].tenant_id
    if not directory.loaded:
        await directory.load(work.session)
    named: dict[_Key, IdToken] = {}
    known = await TokenRepository(work.session).find_untyped(
        tenant_id, {call.message.id_token.id_token for call in untyped}, partial(directory.same_token, tenant_id)
    )
    unknown: set[_Key] = set()
    for call in untyped:
        id_token = call.message.id_token.id_token
        token = known.get(id_token)
        if token is None:
            unknown.add((call.station_id, id_token))
        else:
            # What we called it is replaced; the spelling of an id stays that of the station.
            shown_as = id_tag_of(token.id_token, token.type)
            is_ours = shown_as != token.id_token and same_spelling(shown_as, id_token)
            spelling = token.id_token if is_ours or id_token.upper() == token.surrogate else id_token
            named[call.station_id, id_token] = IdToken(id_token=spelling, type=token.type)
    if unknown:
        named |= await _of_remote_starts(work, services, tenant_id, unknown)
    for call in untyped:
        found = named.get((call.station_id, call.message.id_token.id_token))
        if found is not None:
            message = type(call.message)()
            message.CopyFrom(call.message)
            message.id_token.MergeFrom(found)
            call.message = message


async def _of_remote_starts(
    work: UnitOfWork, services: Services, tenant_id: str, wanted: Collection[_Key]
) -> Mapping[_Key, IdToken]:
    """Return the tokens that requests to start transactions named, by how their stations name them."""
    stations = {station_id for station_id, _ in wanted}
    found: dict[_Key, IdToken] = {}
    starts = await AuthorizationRepository(work.session).remote_start_tokens(tenant_id, stations, services.clock())
    for station_id, id_token, type_name in starts:
        for key in wanted:
            if key[0] == station_id and same_spelling(id_tag_of(id_token, type_name), key[1]):
                found.setdefault(key, IdToken(id_token=id_token, type=type_name))
    return found
