"""Checks that named stations and tokens exist, for requests in which the core accepts any name.

The core accepts unknown names on purpose: a rule may name a future station, and a tariff a token of another system.
On a command line, an unknown name is usually misspelt.
"""

from collections.abc import Collection

import grpc

from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine_cli.client import Client
from citrine_cli.errors import CliError, NotThere, warn

__all__ = ["check_station", "check_token", "warn_unknown_token"]

_MAY_NOT_ASK = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses of a key that may send the request but not read stations or tokens."""


async def check_station(client: Client, station_id: str, evse_ids: Collection[int] = ()) -> None:
    """Check that a station exists and has some EVSEs. EVSEs are only checked if the station has reported its EVSEs.

    Raises:
        CliError: When one does not exist.
        grpc.aio.AioRpcError: When the call fails.
    """
    try:
        station = await client.citrine.stations.GetStation(GetStationRequest(station_id=station_id))
    except grpc.aio.AioRpcError as error:
        if error.code() in _MAY_NOT_ASK:
            return
        raise
    known = [evse.evse_id for evse in station.evses]
    missing = [evse_id for evse_id in evse_ids if evse_id and evse_id not in known]
    if known and missing:
        has = ", ".join(map(str, known))
        raise CliError(f"station {station_id} has no EVSE {missing[0]}; it reported {has}")


async def check_token(client: Client, id_token: str, token_type: str = "") -> None:
    """Check that a token with this id exists; without a type, of any type.

    Raises:
        CliError: When it does not exist.
        grpc.aio.AioRpcError: When the call fails.
    """
    # Imported here, because few commands need it.
    from citrine.api.v1.tokens_pb2 import GetTokenRequest

    try:
        await client.citrine.tokens.GetToken(GetTokenRequest(id_token=id_token, type=token_type))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise NotThere("token", id_token) from error
        # FAILED_PRECONDITION and INVALID_ARGUMENT: several types have this id.
        if error.code() not in (*_MAY_NOT_ASK, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT):
            raise


async def warn_unknown_token(client: Client, id_token: str, token_type: str) -> None:
    """Warn if a token is not registered: a station may refuse it, or end the transaction at once.

    The command is sent nevertheless, because another system may decide on tokens.
    """
    try:
        await check_token(client, id_token, token_type)
    except NotThere:
        # Imported here, because few commands need it.
        from citrine_cli.near_ids import near_ids_of

        near = await near_ids_of(client.citrine, "token", id_token)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        what = f"token {id_token} of type {token_type}"
        warn(f"{what} is not known here; the station may refuse it, or stop at once{meant}")
