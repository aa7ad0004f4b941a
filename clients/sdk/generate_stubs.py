"""Write what the SDK knows of the services of the contract, from their descriptors: `make protos` runs it.

The contract is the one list of services. The SDK has it as code, because to read it from the descriptors of all
services takes longer than most calls.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from citrine.api.v1 import access_pb2

__all__ = ["TARGET", "written"]

PACKAGE = "citrine.api.v1"

TARGET = Path(__file__).parent / "citrine_sdk" / "stubs.py"
"""The file that is written."""

_PROTOS = Path(__file__).parents[2] / "protos" / "citrine" / "api" / "v1"

_HEAD = '''"""The services of the API, their stubs, and the rpcs that may be sent again; written by `make protos`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
{imports}

__all__ = ["ATTRIBUTES", "PACKAGE", "READS", "Stubs", "stub_module", "stub_name"]

PACKAGE = "{package}"
"""Package of the contract that holds the services."""


class Stubs:
    """A stub for each service, made when it is first asked for."""

{annotations}


ATTRIBUTES = tuple(Stubs.__annotations__)
"""Attributes of `Citrine`, each of which holds the stub of one service."""


def stub_module(attribute: str) -> str:
    """Return the name of the module of a service's stub: "{package}.reservation_costs_pb2_grpc"."""
    return f"{{PACKAGE}}.{{attribute}}_pb2_grpc"


def stub_name(attribute: str) -> str:
    """Return the name of the class of a service's stub: "ReservationCostsServiceStub"."""
    return "".join(word.capitalize() for word in attribute.split("_")) + "ServiceStub"


_READS: Mapping[str, tuple[str, ...]] = {{
{reads}
}}

READS: frozenset[tuple[str, str]] = frozenset(
    (f"{{PACKAGE}}.{{service}}", method) for service, methods in _READS.items() for method in methods
)
"""Service and name of every rpc that may be sent again after UNAVAILABLE: it only reads what the core has stored."""
'''


def written() -> str:
    """Return what the file is to hold.

    Raises:
        ValueError: When a file of the contract has two services, or one whose name is not the file's.
    """
    services = dict(_services())
    modules = {f"{PACKAGE}.{name}_pb2_grpc": one for name, one in services.items()}
    imports = [f"    from {module} import {modules[module].name}AsyncStub" for module in sorted(modules)]
    annotations = [f'    {name}: "{one.name}AsyncStub"' for name, one in services.items()]
    reads = [_entry(one) for one in services.values() if _reads(one)]
    return _HEAD.format(
        package=PACKAGE, imports="\n".join(imports), annotations="\n".join(annotations), reads="\n".join(reads)
    )


def _services() -> Iterator[tuple[str, ServiceDescriptor]]:
    for path in sorted(_PROTOS.glob("*.proto")):
        found = list(importlib.import_module(f"{PACKAGE}.{path.stem}_pb2").DESCRIPTOR.services_by_name.values())
        if not found:
            continue
        name = "".join(word.capitalize() for word in path.stem.split("_")) + "Service"
        if [service.name for service in found] != [name]:
            raise ValueError(f"{path.name} must hold one service, {name}")
        yield path.stem, found[0]


def _reads(service: ServiceDescriptor) -> list[str]:
    return sorted(
        method.name
        for method in service.methods
        if method.GetOptions().Extensions[access_pb2.access].scope.endswith(":read") and not method.server_streaming
    )


def _entry(service: ServiceDescriptor) -> str:
    names = [f'"{name}"' for name in _reads(service)]
    line = f'    "{service.name}": ({", ".join(names)}{"," * (len(names) == 1)}),'
    if len(line) <= 120:
        return line
    return "\n".join([f'    "{service.name}": (', *(f"        {name}," for name in names), "    ),"])


if __name__ == "__main__":
    TARGET.write_text(written(), encoding="utf-8")
