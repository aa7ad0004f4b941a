"""Interceptors that add the credential, the tenant and a default deadline to every call."""

from collections.abc import Callable
from typing import Any

import grpc
from grpc.aio import ClientCallDetails, Metadata

__all__ = ["BothStreamsMetadata", "StreamMetadata", "Token", "UnaryMetadata", "interceptors"]

Token = str | Callable[[], str]
"""A token, or what returns the one to send now: tokens live for minutes, and clients for longer."""

Entries = Callable[[], tuple[tuple[str, str], ...]]
"""Returns the metadata of a call."""

CALL_TIMEOUT = 60.0
"""Seconds that a unary call may take, if the caller gives no timeout."""


def _details(
    details: ClientCallDetails, entries: tuple[tuple[str, str], ...], timeout: float | None
) -> ClientCallDetails:
    metadata = Metadata(*(details.metadata or ()))
    present = {name for name, _ in metadata}
    for name, value in entries:
        # Metadata that the caller gave for this call takes precedence.
        if name not in present:
            metadata.add(name, value)
    return ClientCallDetails(
        method=details.method,
        timeout=timeout if details.timeout is None else details.timeout,
        metadata=metadata,
        credentials=details.credentials,
        wait_for_ready=details.wait_for_ready,
    )


# Any, because interceptors apply to methods of all request types.
class UnaryMetadata(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds credential, tenant and a default deadline to unary calls."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Any], Any],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        return await continuation(_details(client_call_details, self._entries(), CALL_TIMEOUT), request)


class StreamMetadata(grpc.aio.UnaryStreamClientInterceptor):
    """Adds credential and tenant to streams, which have no deadline."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, Any], Any],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        return await continuation(_details(client_call_details, self._entries(), None), request)


class BothStreamsMetadata(grpc.aio.StreamStreamClientInterceptor):
    """Adds the same to streams of requests and responses. A class of its own: a channel counts each as of one kind."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    async def intercept_stream_stream(
        self,
        continuation: Callable[[ClientCallDetails, Any], Any],
        client_call_details: ClientCallDetails,
        request_iterator: Any,
    ) -> Any:
        return await continuation(_details(client_call_details, self._entries(), None), request_iterator)


def interceptors(key: str | None, tenant: str | None, token: Token | None = None) -> list[grpc.aio.ClientInterceptor]:
    """Return the interceptors of a channel.

    Args:
        key: API key, sent as bearer token. None: calls carry no key.
        tenant: Tenant that an operator's key acts on. None: the key's own, or "default".
        token: Token of an OpenID Connect provider, sent in place of the key.
    """

    def entries() -> tuple[tuple[str, str], ...]:
        credential = token() if callable(token) else token or key
        found = [("authorization", f"Bearer {credential}")] if credential else []
        return (*found, ("citrine-tenant", tenant)) if tenant else tuple(found)

    return [UnaryMetadata(entries), StreamMetadata(entries), BothStreamsMetadata(entries)]
