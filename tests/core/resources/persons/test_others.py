"""Whoever has the same id as an erased person, of another type or as a group, stays who they are."""

from collections import Counter
from typing import Any

import grpc
import pytest

from citrine.api.v1 import (
    local_auth_list_pb2,
    tokens_pb2,
    transactions_pb2,
)
from citrine.api.v1 import (
    persons_pb2 as pb,
)
from citrine.api.v1.local_auth_list_pb2_grpc import LocalAuthListServiceStub
from citrine.api.v1.persons_pb2_grpc import PersonsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2 import local_auth_list_pb2 as lists
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.support.charging import ended, started
from tests.support.core import RunningCore
from tests.support.persons import ACCEPTED, TARGET, finish
from tests.support.recording import record_all


async def named_in(core: RunningCore, person: IdToken) -> dict[str, int]:
    """Return how many rows of each kind name a person."""
    persons: Any = core.stub(PersonsServiceStub)
    return Counter([row.kind async for row in persons.ExportPerson(pb.ExportPersonRequest(id_token=person))])


async def test_a_short_id_of_another_type_or_of_a_group_is_of_somebody_else(core: RunningCore, station: Any) -> None:
    """The PIN 1250 is not the token 1250 of another type, and not the group 1250: neither of these changes."""
    _, session = station
    persons: Any = core.stub(PersonsServiceStub)
    tokens: Any = core.stub(TokensServiceStub)
    local_lists: Any = core.stub(LocalAuthListServiceStub)
    transactions: Any = core.stub(TransactionsServiceStub)
    types = ("KeyCode", "Central")
    for type_name, group_id in zip(types, ("", "1250"), strict=True):
        token = tokens_pb2.Token(id_token="1250", type=type_name, group_id=group_id)
        await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token))
        begin, end = started(0, 0, transaction_id=type_name), ended(1, 1250, transaction_id=type_name)
        for event in (begin, end):
            event.id_token.CopyFrom(IdToken(id_token="1250", type=type_name))
        await session.call_all([begin, end])
    entries = [
        lists.AuthorizationData(id_token=IdToken(id_token="1250", type=one), id_token_info=ACCEPTED) for one in types
    ]
    full = lists.SendLocalListRequest(update_type=lists.UPDATE_ENUM_FULL, local_authorization_list=entries)
    await local_lists.SendLocalList(local_auth_list_pb2.SendLocalListRequest(target=TARGET, request=full))
    await record_all(core)
    pin, other = (IdToken(id_token="1250", type=one) for one in types)
    before = await named_in(core, other)

    begun = await persons.ErasePerson(pb.ErasePersonRequest(id_token=pin))
    await finish(core, begun.erasure_id)

    left = await tokens.GetToken(tokens_pb2.GetTokenRequest(id_token="1250", type="Central"))
    assert (left.id_token, left.group_id) == ("1250", "1250")
    wanted = transactions_pb2.GetTransactionRequest(station_id="CS-1", transaction_id="Central")
    assert (await transactions.GetTransaction(wanted)).id_token == other
    wanted = transactions_pb2.GetTransactionRequest(station_id="CS-1", transaction_id="KeyCode")
    assert (await transactions.GetTransaction(wanted)).id_token.id_token == begun.pseudonyms[0]
    assert await named_in(core, pin) == {}
    assert await named_in(core, other) == before
    assert before.keys() >= {"tokens", "transactions", "charge_records", "local_list_entries"}


async def test_an_id_that_another_token_has_is_refused_where_it_is_looked_for_in_texts(core: RunningCore) -> None:
    persons: Any = core.stub(PersonsServiceStub)
    tokens: Any = core.stub(TokensServiceStub)
    for type_name in ("KeyCode", "Central"):
        token = tokens_pb2.Token(id_token="12345678", type=type_name)
        await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token))

    with pytest.raises(grpc.aio.AioRpcError, match="another token, of type Central, has the same id"):
        await persons.ErasePerson(pb.ErasePersonRequest(id_token=IdToken(id_token="12345678", type="KeyCode")))
    begun = await persons.ErasePerson(pb.ErasePersonRequest(id_token=IdToken(id_token="12345678")))
    await finish(core, begun.erasure_id)

    assert (await tokens.ListTokens(tokens_pb2.ListTokensRequest())).tokens == []
