"""Calls of the rpcs of this process by the process itself, on behalf of a caller.

They go the way of a call that comes by the network, as far as it matters to what they do: the same servicer, with the
same checks and errors, and the same record in the audit. Whether the caller may call is for the one who calls to check.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

import grpc
from google.protobuf.message import Message

from citrine_core.rpc.audits import Audit
from citrine_core.rpc.caller import Caller, set_caller

__all__ = ["InProcessRpcs", "unary_rpcs"]

AddServicer = Callable[[grpc.aio.Server], None]

Behavior = Callable[[Any, Any], Awaitable[Any]]


class _Registrar:
    """Stands in for the server to which servicers are added."""

    def __init__(self) -> None:
        self.behaviors: dict[str, Behavior] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing: they are added by their names as well."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Add the methods with one request and one response."""
        for name, handler in handlers.items():
            if handler.unary_unary is not None:
                self.behaviors[f"/{service}/{name}"] = handler.unary_unary


def unary_rpcs(add_servicers: Iterable[AddServicer]) -> dict[str, Behavior]:
    """Return the methods of servicers with one request and one response, by their paths.

    Args:
        add_servicers: Add them to a server.
    """
    registrar = _Registrar()
    for add in add_servicers:
        add(cast(grpc.aio.Server, registrar))
    return registrar.behaviors


class _Context:
    """What servicers ask of the context of a call: there is no deadline, and nobody reads metadata."""

    def time_remaining(self) -> float | None:
        """Return None: there is no deadline."""
        return None

    def set_trailing_metadata(self, metadata: object) -> None:
        """Do nothing."""


class InProcessRpcs:
    """The unary rpcs of some servicers.

    Args:
        add_servicers: Add them to a server.
        audit: Records the calls.
    """

    def __init__(self, add_servicers: Iterable[AddServicer], audit: Audit) -> None:
        self._behaviors = unary_rpcs(add_servicers)
        self._audit = audit

    async def call(self, method: str, who: Caller, origin: str, request: Message) -> Any:
        """Return the response to a request.

        The calling task is the caller from then on, so each call needs a task of its own.

        Args:
            method: Path of the rpc, e.g. "/citrine.api.v1.ProvisioningService/Reset".
            who: The caller.
            origin: Where the call comes from, as the audit shows it in place of an address.
            request: The request.

        Raises:
            CoreError: As the rpc does.
        """
        set_caller(who)
        attempt = self._audit.attempt(method, who, origin, request)
        try:
            response = await self._behaviors[method](request, _Context())
        except BaseException:
            attempt.failed()
            raise
        attempt.succeeded()
        return response
