"""The listeners of an edge: which there are, what connections to them begin with, and the certificates in use."""

from collections.abc import Mapping

from citrine_edge.acceptor import Entrance
from citrine_edge.config import EdgeSettings
from citrine_edge.proxies import Proxies
from citrine_edge.server import StationServer
from citrine_edge.tls import Contexts
from citrine_process.addresses import listen
from citrine_process.settings import InvalidSetting

__all__ = ["CHECK_INTERVAL", "StationListeners", "url_scheme"]

CHECK_INTERVAL = 60.0
"""Seconds between two looks at the files of TLS."""

_SCHEMES: Mapping[str, str] = {"ocpp": "ws", "ocpps": "wss", "ocpps_mtls": "wss"}


class StationListeners:
    """The listeners for stations.

    Raises:
        InvalidSetting: When there is none, or a file of TLS can't be used.
    """

    def __init__(self, settings: EdgeSettings) -> None:
        self._addresses = settings.listeners
        self._timeout = settings.ocpp_request_timeout.total_seconds()
        self._proxied = settings.proxied_listeners
        self.proxies = Proxies(settings.ocpp_proxies, settings.ocpp_client_certificate_header)
        if not self.proxies and (self._proxied or settings.ocpp_client_certificate_header):
            raise InvalidSetting("ocpp_proxies: is needed, as nobody else may say who connects")
        self._contexts: Contexts | None = None
        if settings.has_tls:
            self._contexts = Contexts(settings.certificate_files(), mutual=bool(settings.ocpps_mtls_listen))

    async def open(self, server: StationServer) -> dict[str, str]:
        """Have the server listen; return the addresses by listener.

        Raises:
            OSError: When one of them can't be listened on.
        """
        return {name: await self._open(server, name, address) for name, address in self._addresses.items()}

    def reload(self) -> None:
        """Load the files of TLS, if there are any."""
        if self._contexts is not None:
            self._contexts.reload()

    def reload_changed(self) -> None:
        """Load the files of TLS if one of them changed."""
        if self._contexts is not None:
            self._contexts.reload_changed()

    async def _open(self, server: StationServer, name: str, address: str) -> str:
        contexts = None if name == "ocpp" else self._contexts
        if contexts is None and name not in self._proxied:
            return await listen(server, address)
        mutual = name == "ocpps_mtls"
        entrance = Entrance(
            context=None if contexts is None else lambda: contexts.get(mutual=mutual),
            proxies=self.proxies if name in self._proxied else None,
            timeout=self._timeout,
        )
        return await listen(server.behind(entrance), address)


def url_scheme(listener: str) -> str:
    """Return the scheme of the URLs of a listener."""
    return _SCHEMES[listener]
