"""Where the gRPC server listens: for clients, for edges with certificates, and as one of several workers."""

import grpc

from citrine_core.config import CoreSettings
from citrine_core.rpc.tls import ServerTls
from citrine_process.addresses import join_address, split_address
from citrine_process.tls_files import TlsFiles

__all__ = ["Listeners"]


class Listeners:
    """The listeners of one core.

    gRPC for Python can either require client certificates at a port or never ask for one. Edges with certificates
    therefore have a port of their own.

    Args:
        settings: Settings of the core.
        worker: Number of this process among those that share the addresses. 0: it has them alone.

    Raises:
        InvalidSetting: When the files of TLS can't be used.
    """

    def __init__(self, settings: CoreSettings, worker: int = 0) -> None:
        self._settings = settings
        self._worker = worker
        certificate, key, ca = settings.grpc_certificate_file, settings.grpc_key_file, settings.link_ca_file
        self._tls = ServerTls(TlsFiles(certificate, key, None)) if certificate is not None else None
        self._link_tls = ServerTls(TlsFiles(certificate, key, ca)) if ca is not None else None

    def add_to(self, server: grpc.aio.Server) -> dict[str, str]:
        """Add all ports to a server; return the addresses for clients ("grpc") and for edges ("link", if other).

        Raises:
            RuntimeError: When one can't be listened on; its text is the address.
        """
        settings = self._settings
        bound = {"grpc": _add(server, settings.grpc_listen, self._tls)}
        if settings.link_listen:
            bound["link"] = _add(server, settings.link_listen, self._link_tls)
        if self._worker:
            # Only edges use it.
            host, _ = split_address(settings.link_listen or settings.grpc_listen)
            _add(server, join_address(host, settings.worker_ports[self._worker - 1]), self._link_tls or self._tls)
        return bound


def _add(server: grpc.aio.Server, address: str, tls: ServerTls | None) -> str:
    host, port = split_address(address)
    target = join_address(host, port)
    try:
        if tls is None:
            return join_address(host, server.add_insecure_port(target))
        return join_address(host, server.add_secure_port(target, tls.credentials()))
    except RuntimeError:
        raise RuntimeError(address) from None
