"""What the API offers, read from its descriptors: services and methods."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, ServiceDescriptor

from citrine.api.v1 import access_pb2
from citrine_sdk.stubs import ATTRIBUTES, PACKAGE

__all__ = ["SERVICES", "Method", "methods"]


def _service(attribute: str) -> ServiceDescriptor:
    file = importlib.import_module(f"{PACKAGE}.{attribute}_pb2")
    service: ServiceDescriptor
    (service,) = file.DESCRIPTOR.services_by_name.values()
    return service


SERVICES: Mapping[str, ServiceDescriptor] = {name: _service(name) for name in ATTRIBUTES}
"""Services of `citrine.api.v1` by the name of the attribute of `Citrine` that holds their stub."""


@dataclass(frozen=True)
class Method:
    """One rpc of the API."""

    attribute: str
    """Attribute of `Citrine` that holds the stub of its service."""
    service: str
    """Full name of its service, e.g. "citrine.api.v1.StationsService"."""
    name: str
    """Its name, e.g. "ListStations"."""
    request: Descriptor
    """Type of its request."""
    response: Descriptor
    """Type of its response, or of each message of its stream."""
    streams: bool
    """Whether it returns a stream."""
    scope: str
    """Scope that a key needs to call it."""

    @property
    def is_read(self) -> bool:
        """Whether calling it twice does no more than calling it once: a unary read of what the core has stored."""
        return self.scope.endswith(":read") and not self.streams

    @property
    def is_command(self) -> bool:
        """Whether it sends the OCPP action of its own name to a station."""
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
                scope=method.GetOptions().Extensions[access_pb2.access].scope,
            )
