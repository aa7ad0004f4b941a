"""Proxies in front of an edge: which addresses are trusted, and what their headers say. No input or output."""

import base64
import binascii
import ipaddress
import ssl
from collections.abc import Sequence
from urllib.parse import unquote

from websockets.datastructures import Headers

from citrine_process.settings import InvalidSetting

__all__ = ["InvalidCertificate", "Proxies"]

_SCHEMES = frozenset({"https", "wss"})


class InvalidCertificate(Exception):
    """A header that should hold a client certificate and does not."""

    def __str__(self) -> str:
        return "the forwarded client certificate is malformed"


class Proxies:
    """Trusted proxies. What anybody else says in a header counts for nothing.

    Args:
        networks: Addresses and networks of proxies, separated by commas.
        certificate_header: Header with the client certificate. Empty: they forward none.

    Raises:
        InvalidSetting: When a network is none.
    """

    def __init__(self, networks: str = "", certificate_header: str = "") -> None:
        try:
            self._networks = [ipaddress.ip_network(one.strip()) for one in networks.split(",") if one.strip()]
        except ValueError as error:
            raise InvalidSetting(f"ocpp_proxies: {error}") from None
        self._certificate_header = certificate_header

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Return whether an address, as host:port, is that of a trusted proxy."""
        if not self._networks:
            return False
        host = address.rpartition(":")[0].removeprefix("[").removesuffix("]").partition("%")[0]
        try:
            source = ipaddress.ip_address(host)
        except ValueError:
            return False
        if isinstance(source, ipaddress.IPv6Address) and source.ipv4_mapped is not None:
            source = source.ipv4_mapped
        return any(source in network for network in self._networks)

    def certificate(self, headers: Headers) -> bytes | None:
        """Return the client certificate that a trusted proxy forwards, in DER. None: there is none.

        Raises:
            InvalidCertificate: When the header can't be read.
        """
        values = headers.get_all(self._certificate_header) if self._certificate_header else []
        return _certificate(values) if any(values) else None

    @staticmethod
    def uses_tls(headers: Headers) -> bool:
        """Return whether a trusted proxy says that the station reaches it by TLS."""
        # Each proxy of a chain may add a value; the last one is that of the proxy that is trusted.
        values = ",".join(headers.get_all("X-Forwarded-Proto")).split(",")
        return values[-1].strip().lower() in _SCHEMES


def _certificate(values: Sequence[str]) -> bytes:
    value = values[0].strip()
    try:
        if len(values) > 1:
            raise InvalidCertificate
        if value.startswith(":") and value.endswith(":"):
            # Client-Cert, RFC 9440.
            return base64.b64decode(value[1:-1], validate=True)
        # PEM in percent-encoding, as $ssl_client_escaped_cert of nginx.
        return ssl.PEM_cert_to_DER_cert(unquote(value))
    except (ValueError, binascii.Error):
        raise InvalidCertificate from None
