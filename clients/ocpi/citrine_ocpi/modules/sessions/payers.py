"""Who pays for a session: the party of its token, as it was when the session began."""

from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.db import Database
from citrine_ocpi.modules.charging import Owner
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.transport import Version

__all__ = ["payer_of"]


async def payer_of(database: Database, owners: Owners, module: str, source: str, token: IdToken) -> Owner | None:
    """Return whose the token of a session is. None: the operator's own, or nobody's.

    A session that the partner was sent goes on as the same party's, and names the token as it does, though the token
    was deleted, or given to somebody else, since.

    Args:
        database: Of the adapter.
        owners: Knows whose tokens are.
        module: Of sessions.
        source: What the session is made of.
        token: As the station named it.
    """
    owner = await owners.of(token)
    if owner is None and await owners.is_known(token):
        # Most are the operator's own.
        return None
    async with database.reading() as session:
        repository = PublishedRepository(session)
        for row in await repository.find_by_source(module, source):
            for party in await repository.audience(row):
                if owner is None or owner.party != party:
                    said = row.bodies[Version.V2_3_0]["cdr_token"]
                    return Owner(party, contract_id=said["contract_id"], uid=said["uid"], type=said["type"])
    return owner
