"""Takes back tokens of a partner that is removed: they charge no more, for nobody would pay."""

from collections.abc import Callable, Collection

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import tokens_pb2 as pb
from citrine_ocpi.db import Database
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.transport.routing import Party
from citrine_sdk import Citrine

__all__ = ["withdraw_tokens"]

PAGE = 500


async def withdraw_tokens(database: Database, parties: Collection[Party], connect: Callable[[], Citrine]) -> int:
    """Have the core refuse the tokens of parties as not valid, and return how many there were.

    Args:
        database: Of the adapter.
        parties: Whose tokens.
        connect: Returns the core, which is not asked where the parties never told of a token.

    Raises:
        grpc.aio.AioRpcError: When the core can't be told. Who calls again goes on.
    """
    async with database.reading() as session:
        owners = [party for party in parties if await TokenRepository(session).has_any(party)]
    if not owners:
        return 0
    count = 0
    async with connect() as citrine:
        for party in owners:
            wanted = pb.ListTokensRequest(
                country_code=party.country_code, party_id=party.party_id, valid=True, page_size=PAGE
            )
            async for page in citrine.pages(citrine.tokens.ListTokens, wanted):
                if not page.tokens:
                    continue
                tokens = [pb.Token(id_token=one.id_token, type=one.type, valid=False) for one in page.tokens]
                request = pb.ImportTokensRequest(tokens=tokens, update_mask=FieldMask(paths=["valid"]))
                async for answer in citrine.tokens.ImportTokens(iter([request])):
                    count += answer.updated
    return count
