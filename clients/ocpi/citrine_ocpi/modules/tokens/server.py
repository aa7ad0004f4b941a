"""The endpoints of module tokens: partners push what they know of their drivers."""

from pydantic import ValidationError

from citrine_ocpi.modules.tokens.mapping import token_models
from citrine_ocpi.modules.tokens.repository import TokenKey
from citrine_ocpi.modules.tokens.store import TokenStore, key_of
from citrine_ocpi.published.viewers import parties_of
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.errors import InvalidParameters, NotFound
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import InterfaceRole

__all__ = ["endpoints"]

RFID = "RFID"


def endpoints(store: TokenStore) -> list[Endpoint]:
    """Return the endpoints of the receiver.

    Args:
        store: Where tokens are stored.
    """

    async def show(call: Call) -> Reply:
        token = await store.find(_key(call), call.version)
        if token is None:
            raise NotFound("there is no such token")
        return Reply(token)

    async def put(call: Call) -> Reply:
        key = _key(call)
        token = call.model(token_models(call.version)[0])
        said = key_of(Party(str(token.country_code), str(token.party_id)), str(token.uid), str(token.type))
        # Who does not say the type by a parameter says it by the object.
        if said[:3] != key[:3] or ("type" in call.query and said != key):
            raise InvalidParameters("the URL names another token than the body")
        stored = await store.put(parties_of(call.partner, call.routing), [token])
        if stored.refused:
            raise InvalidParameters("; ".join(stored.refused.values()))
        return Reply(http_status=201 if stored.created else 200)

    async def patch(call: Call) -> Reply:
        key, changes = _key(call), call.json()
        if not isinstance(changes, dict) or not changes.get("last_updated"):
            raise InvalidParameters("last_updated: required")
        named = {"country_code": key[0], "party_id": key[1], "uid": key[2], "type": key[3]}
        if any(str(changes.get(name, value)).lower() != value.lower() for name, value in named.items()):
            raise InvalidParameters("the URL names another token than the body")
        try:
            token = await store.patch(key, changes, call.version)
        except ValidationError:
            # It says which fields are wrong.
            call.validated(token_models(call.version)[0], {**await _known(call, key), **changes})
            raise
        if token is None:
            raise NotFound("there is no such token")
        return Reply()

    async def _known(call: Call, key: TokenKey) -> dict[str, object]:
        token = await store.find(key, call.version)
        return {} if token is None else token.wire()

    return [
        Endpoint(
            module="tokens",
            role=InterfaceRole.RECEIVER,
            path="{country_code}/{party_id}/{token_uid}",
            handlers={"GET": show, "PUT": put, "PATCH": patch},
        )
    ]


def _key(call: Call) -> TokenKey:
    """Return which token a URL names.

    Raises:
        NotFound: When it belongs to none of the partner's parties, or to another one behind a hub than who asks.
    """
    party = Party(call.path["country_code"], call.path["party_id"])
    if party not in parties_of(call.partner, call.routing):
        raise NotFound(f"{party} is no party of this connection")
    return key_of(party, call.path["token_uid"], call.query.get("type", RFID).upper())
