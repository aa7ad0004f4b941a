"""Idempotency keys: what is called again with the key of an earlier call has no second effect, and the same answer."""

from collections.abc import Callable
from typing import Any

import grpc
from grpc.aio import ClientCallDetails, Metadata

from citrine_sdk.stubs import READS

__all__ = ["IDEMPOTENCY_KEY", "KeyedCalls", "idempotency_key"]

IDEMPOTENCY_KEY = "citrine-idempotency-key"
"""Metadata key with the idempotency key of a call."""

LONGEST_KEY = 64
"""Characters that the key of a call may have."""

LONGEST_NUMBER = len("/999")


def idempotency_key(key: str) -> tuple[tuple[str, str]]:
    """Return the metadata of a call with an idempotency key.

    `await citrine.remote_control.RequestStartTransaction(request, metadata=idempotency_key(order_id))` may be repeated,
    after an error or by another process, within 24 hours, and not any more: it would act again. An error with
    `citrine-idempotent-replay` in its trailing metadata is final: the call ended so, and does whenever it is repeated.

    Args:
        key: 1 to 64 printable characters of ASCII, of this one request of the tenant.
    """
    return ((IDEMPOTENCY_KEY, key),)


# Any, because interceptors apply to methods of all request types.
class KeyedCalls(grpc.aio.UnaryUnaryClientInterceptor):
    """Gives each call that may change something a key of its own: KEY, KEY/2, KEY/3, in the order of the calls.

    For programs that do one thing and may be run again.

    Args:
        key: 1 to 60 printable characters of ASCII, so that the keys of 999 calls are valid.

    Raises:
        ValueError: When it is not.
    """

    def __init__(self, key: str) -> None:
        longest = LONGEST_KEY - LONGEST_NUMBER
        if not 1 <= len(key) <= longest or not (key.isascii() and key.isprintable()):
            raise ValueError(f"the idempotency key of a program must have 1 to {longest} printable characters of ASCII")
        self._key = key
        self._calls = 0

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Any], Any],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        details = client_call_details
        method = details.method.decode() if isinstance(details.method, bytes) else details.method
        service, _, name = method.removeprefix("/").partition("/")
        metadata = Metadata(*(details.metadata or ()))
        if (service, name) not in READS and metadata.get(IDEMPOTENCY_KEY) is None:
            self._calls += 1
            metadata.add(IDEMPOTENCY_KEY, self._key if self._calls == 1 else f"{self._key}/{self._calls}")
            details = ClientCallDetails(
                method=details.method,
                timeout=details.timeout,
                metadata=metadata,
                credentials=details.credentials,
                wait_for_ready=details.wait_for_ready,
            )
        return await continuation(details, request)
