"""Interceptors that add the API key, the tenant and a default deadline to every call."""

from collections.abc import Callable
from typing import Any

import grpc
from grpc.aio import ClientCallDetails, Metadata

__all__ = ["StreamMetadata", "UnaryMetadata", "interceptors"]

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
    """Adds key, tenant and a default deadline to unary calls."""

    def __init__(self, entries: tuple[tuple[str, str], ...]) -> None:
        self._entries = entries

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Any], Any],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        return await continuation(_details(client_call_details, self._entries, CALL_TIMEOUT), request)


class StreamMetadata(grpc.aio.UnaryStreamClientInterceptor):
    """Adds key and tenant to streams, which have no deadline."""

    def __init__(self, entries: tuple[tuple[str, str], ...]) -> None:
        self._entries = entries

    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, Any], Any],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        return await continuation(_details(client_call_details, self._entries, None), request)


def interceptors(key: str | None, tenant: str | None) -> list[grpc.aio.ClientInterceptor]:
    """Return the interceptors of a channel.

    Args:
        key: API key, sent as bearer token. None: calls carry no key.
        tenant: Tenant that an operator's key acts on. None: the key's own, or "default".
    """
    entries: list[tuple[str, str]] = []
    if key:
        entries.append(("authorization", f"Bearer {key}"))
    if tenant:
        entries.append(("citrine-tenant", tenant))
    return [UnaryMetadata(tuple(entries)), StreamMetadata(tuple(entries))]
