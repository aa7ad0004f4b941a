"""The gRPC channel of a link: its options, and its TLS."""

import logging
from collections.abc import Sequence

import grpc

from citrine_edge.config import EdgeSettings
from citrine_process.tls_files import TlsFiles, WatchedTlsFiles

__all__ = ["link_tls", "open_channel", "plain_channel"]

_OPTIONS: Sequence[tuple[str, int | str]] = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    # Reconnecting is ours: a channel's own backoff grows to minutes, and is shared between channels.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    # A core whose machine is gone does not end its streams. Pings detect it within 9 seconds, even without Alive.
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 4_000),
    # This limit is the effective one; its default is a minute.
    ("grpc.http2.ping_timeout_ms", 4_000),
    ("grpc.http2.max_pings_without_data", 0),
)

_logger = logging.getLogger(__name__)


def link_tls(settings: EdgeSettings) -> WatchedTlsFiles | None:
    """Return the files of TLS that the settings name, or None if links are plain text.

    Raises:
        InvalidSetting: When the files can't be used.
    """
    if settings.edge_core_ca_file is None:
        return None
    return TlsFiles(settings.edge_certificate_file, settings.edge_key_file, settings.edge_core_ca_file).watched()


def plain_channel(address: str) -> grpc.aio.Channel:
    """Return a channel to an address without TLS."""
    return grpc.aio.insecure_channel(address, options=_OPTIONS)


def open_channel(host: str, tls: WatchedTlsFiles | None, address: str) -> grpc.aio.Channel:
    """Return a channel to an address, with the files of TLS as they are now.

    Args:
        host: Name that the core's certificate must have. Empty: the address.
        tls: Files of TLS. None: the channel is plain text.
        address: host:port to dial.
    """
    if tls is None:
        return plain_channel(address)
    if tls.refresh() and tls.problem:
        _logger.warning("the certificate of this edge is not replaced", extra={"problem": tls.problem})
    content = tls.content
    credentials = grpc.ssl_channel_credentials(content.authorities, content.key, content.certificate)
    named = (("grpc.ssl_target_name_override", host),) if host else ()
    return grpc.aio.secure_channel(address, credentials, options=(*_OPTIONS, *named))
