"""TLS of the gRPC server: credentials whose files are read again when they change, without a restart."""

import logging
from collections.abc import Callable
from typing import Any

import grpc

from citrine_process.tls_files import TlsFiles

__all__ = ["ServerTls"]

logger = logging.getLogger(__name__)


class ServerTls:
    """The server's certificate, and the authorities of client certificates.

    A change of the files holds for connections from then on; open ones continue. While the files can't be used, for
    example because only one of two is replaced yet, the content before is used.

    Args:
        files: The files. Without authorities no client is asked for a certificate; otherwise each must present one.

    Raises:
        InvalidSetting: When the files can't be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files.watched()
        self._asks_clients = files.authorities is not None

    def credentials(self) -> grpc.ServerCredentials:
        """Return the credentials of a listener."""
        # None says that nothing has changed, which its annotation does not know.
        changed: Callable[[], Any] = self._changed_configuration
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), changed, require_client_authentication=self._asks_clients
        )

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        content = self._files.content
        assert content.certificate is not None
        assert content.key is not None
        return grpc.ssl_server_certificate_configuration([(content.key, content.certificate)], content.authorities)

    def _changed_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new configuration, or None if nothing changed. gRPC calls it in its threads at each handshake."""
        if not self._files.refresh():
            return None
        if self._files.problem:
            logger.warning("the certificate of the gRPC server is not replaced: %s", self._files.problem)
            return None
        logger.info("the certificate of the gRPC server is replaced")
        return self._configuration()
