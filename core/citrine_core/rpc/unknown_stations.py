"""Lists of a station that does not exist: an empty answer would say that there is a station with nothing."""

from collections.abc import Awaitable, Callable

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from citrine_core.errors import NotFound

__all__ = ["KnowsStation", "refuse_unknown_station"]

KnowsStation = Callable[[str, str], Awaitable[bool]]
"""`await knows_station(tenant_id, station_id)` tells whether the tenant has a station of this id."""

_FILTER = "station_id"


async def refuse_unknown_station(
    request: Message, response: Message, tenant_id: str, knows_station: KnowsStation
) -> None:
    """Refuse to answer a list with nothing where its station does not exist.

    What was reported by a station that was removed since, as its transactions, is listed as before.

    Args:
        request: Of a List rpc.
        response: What it would be answered.
        tenant_id: Of the caller.
        knows_station: Asked only where nothing is found.

    Raises:
        NotFound: When there is no such station.
    """
    field = request.DESCRIPTOR.fields_by_name.get(_FILTER)
    if field is None or field.is_repeated or field.type != FieldDescriptor.TYPE_STRING or response.ByteSize():
        return
    station_id: str = getattr(request, _FILTER)
    # Behind the last page there is nothing either.
    if not station_id or getattr(request, "page_token", None):
        return
    if not await knows_station(tenant_id, station_id):
        raise NotFound("station", station_id)
