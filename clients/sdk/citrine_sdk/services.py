"""The services and methods of the API, read from its descriptors."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, ServiceDescriptor

from citrine.api.v1 import access_pb2
from citrine_sdk.stubs import ATTRIBUTES, service_module

__all__ = ["SERVICES", "Method", "methods"]


def _service(attribute: str) -> ServiceDescriptor:
    file = importlib.import_module(service_module(attribute))
    service: ServiceDescriptor
    (service,) = file.DESCRIPTOR.services_by_name.values()
    return service


SERVICES: Mapping[str, ServiceDescriptor] = {name: _service(name) for name in ATTRIBUTES}
"""Services of the API, by the attribute of `Citrine` with their stub."""


@dataclass(frozen=True)
class Method:
    """One rpc of the API."""

    attribute: str
    """Attribute of `Citrine` with the stub of the service."""
    service: str
    """Full name of the service, e.g. "citrine.api.v1.StationsService"."""
    name: str
    """Name of the rpc, e.g. "ListStations"."""
    request: Descriptor
    """Type of the request."""
    response: Descriptor
    """Type of the response, or of each message of the response stream."""
    streams: bool
    """Whether the response is a stream."""
    streams_requests: bool
    """Whether the request is a stream."""
    scope: str
    """Scope that a key needs to call it. Empty: every caller may."""

    @property
    def is_read(self) -> bool:
        """Whether it is a unary read of stored data, so that it may be called repeatedly."""
        return (not self.scope or self.scope.endswith(":read")) and not self.streams

    @property
    def is_command(self) -> bool:
        """Whether it sends the OCPP action of the same name to stations."""
        return {"target", "request"} <= set(self.request.fields_by_name)


def methods() -> Iterator[Method]:
    """Yield every rpc of the API."""
    for attribute, service in SERVICES.items():
        for method in service.methods:
            yield Method(
                attribute=attribute,
                service=service.full_name,
                name=method.name,
                request=method.input_type,
                response=method.output_type,
                streams=bool(method.server_streaming),
                streams_requests=bool(method.client_streaming),
                scope=method.GetOptions().Extensions[access_pb2.access].scope,
            )
