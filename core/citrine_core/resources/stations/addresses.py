"""The addresses and the user name to configure in a station so that it connects."""

from collections.abc import Iterable
from urllib.parse import quote

from citrine.api.v1.stations_pb2 import StationAddress
from citrine_core.ids import DEFAULT_TENANT

__all__ = ["station_address"]

_PLAIN = "*-_=+@."
"""Characters of an identity, besides letters and digits, that need no escape in a path (RFC 3986)."""


def station_address(public_urls: Iterable[str], tenant_id: str, station_id: str) -> StationAddress:
    """Return the URLs of a station at each edge, and its user name (OCPP-J, part 4, 3.1.1 and Basic authentication)."""
    tenant = "" if tenant_id == DEFAULT_TENANT else f"{quote(tenant_id, safe=_PLAIN)}/"
    path = f"{tenant}{quote(station_id, safe=_PLAIN)}"
    return StationAddress(urls=[f"{url}/{path}" for url in public_urls], username=station_id, tenant_id=tenant_id)
