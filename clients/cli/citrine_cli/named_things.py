"""Checks that what a command is to speak of is there, where the core would take any name.

The core takes them on purpose: a rule may name a station that is bought next week, and who has a tariff need not have a
token here. On a command line, such a name is misspelt.
"""

from collections.abc import Collection

import grpc

from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine_cli.client import Client
from citrine_cli.errors import CliError, NotThere, warn

__all__ = ["check_station", "check_token", "warn_unknown_token"]

_MAY_NOT_ASK = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Statuses of a key that may change what is asked for, and not read stations or tokens."""


async def check_station(client: Client, station_id: str, evse_ids: Collection[int] = ()) -> None:
    """See to it that there is a station, and that it has some EVSEs, as far as it reported which it has.

    Raises:
        CliError: When it is not so.
        grpc.aio.AioRpcError: When the core can't be asked.
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
    """See to it that there is a token of this id, of one type or another.

    Raises:
        CliError: When there is none.
        grpc.aio.AioRpcError: When the core can't be asked.
    """
    # Imported late, as what few commands need.
    from citrine.api.v1.tokens_pb2 import GetTokenRequest

    try:
        await client.citrine.tokens.GetToken(GetTokenRequest(id_token=id_token, type=token_type))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise NotThere("token", id_token) from error
        # FAILED_PRECONDITION and the like: there are several of other types.
        if error.code() not in (*_MAY_NOT_ASK, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT):
            raise


async def warn_unknown_token(client: Client, id_token: str, token_type: str) -> None:
    """Warn of a token that is not registered: a station that is asked to use it may refuse, or end at once.

    It is sent even so: who decides on tokens may be another system.
    """
    try:
        await check_token(client, id_token, token_type)
    except NotThere:
        # Imported late, as what few commands need.
        from citrine_cli.near_ids import near_ids_of

        near = await near_ids_of(client.citrine, "token", id_token)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        what = f"token {id_token} of type {token_type}"
        warn(f"{what} is not known here; the station may refuse it, or stop at once{meant}")
