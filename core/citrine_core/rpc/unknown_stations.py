"""Refuses lists of a station that does not exist: an empty list would suggest that the station exists."""

from collections.abc import Awaitable, Callable

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from citrine_core.errors import NotFound

__all__ = ["KnowsStation", "refuse_unknown_station"]

KnowsStation = Callable[[str, str], Awaitable[bool]]
"""`await knows_station(tenant_id, station_id)` returns whether the tenant has a station with this id."""

_FILTER = "station_id"


async def refuse_unknown_station(
    request: Message, response: Message, tenant_id: str, knows_station: KnowsStation
) -> None:
    """Refuse to answer with an empty list if the station of the request does not exist.

    Reports of a station that was removed since, such as its transactions, are still listed.

    Args:
        request: The request of a List rpc.
        response: Its response, if it is not refused.
        tenant_id: Tenant of the caller.
        knows_station: Called only if the list is empty.

    Raises:
        NotFound: When there is no such station.
    """
    field = request.DESCRIPTOR.fields_by_name.get(_FILTER)
    if field is None or field.is_repeated or field.type != FieldDescriptor.TYPE_STRING or response.ByteSize():
        return
    station_id: str = getattr(request, _FILTER)
    # With a page token, an empty list is the end of one that began.
    if not station_id or getattr(request, "page_token", None):
        return
    if not await knows_station(tenant_id, station_id):
        raise NotFound("station", station_id)
