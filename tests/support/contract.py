"""The services of the contract that clients call."""

import importlib
import pkgutil
from collections.abc import Iterator

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

import citrine.api.v1
import citrine.events.v1

__all__ = ["rpcs", "services"]


def services() -> Iterator[ServiceDescriptor]:
    """Yield each service, also those whose generated code nobody has imported."""
    for package in (citrine.api.v1, citrine.events.v1):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if module.name.endswith("_pb2"):
                yield from importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()


def rpcs() -> Iterator[MethodDescriptor]:
    """Yield each rpc of these services."""
    for service in services():
        yield from service.methods
