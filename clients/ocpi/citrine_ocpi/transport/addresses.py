"""Which addresses partners may be called at: URLs are theirs, and must not lead into a network of ours."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

__all__ = ["AddressRefused", "check_url", "resolve"]


class AddressRefused(Exception):
    """A URL of a partner is not called; said in one line."""


def check_url(url: str, *, allow_insecure: bool) -> tuple[str, int]:
    """Return host and port of a URL that may be called.

    Raises:
        AddressRefused: When it has no https, no host, or a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise AddressRefused(f"{url!r} is no URL") from None
    if parts.scheme != "https" and not (allow_insecure and parts.scheme == "http"):
        raise AddressRefused(f"{url!r} is not https")
    if not parts.hostname:
        raise AddressRefused(f"{url!r} has no host")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(f"the URL of {parts.hostname} has a user")
    return parts.hostname, port


async def resolve(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Return the addresses of a host, all of which may be connected to.

    Raises:
        AddressRefused: When the host has none, or one of them is private, of this machine or of no host.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"{host} has no address") from None
    addresses = [*dict.fromkeys(str(place[0]) for *_, place in found)]
    for address in addresses:
        if not allow_private and not _is_public(address):
            raise AddressRefused(f"{host} is at {address}, which is not public")
    return addresses


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Ways to write an IPv4 address into one of IPv6.
        ip = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        elif ip not in _UNICAST:
            # The rest is of a site, of a translator, or nobody's: `is_global` says so of a part of it alone.
            return False
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All addresses of IPv6 that were ever given to hosts of the internet."""
