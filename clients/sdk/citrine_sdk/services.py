"""What the API offers, read from its descriptors: services, methods, and which of them may be repeated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, ServiceDescriptor

from citrine.api.v1 import (
    access_pb2,
    authorization_pb2,
    availability_pb2,
    commands_pb2,
    configurations_pb2,
    connections_pb2,
    data_transfer_pb2,
    diagnostics_pb2,
    display_message_pb2,
    events_pb2,
    firmware_campaigns_pb2,
    firmware_management_pb2,
    keys_pb2,
    local_auth_list_pb2,
    meter_values_pb2,
    provisioning_pb2,
    refusals_pb2,
    remote_control_pb2,
    reports_pb2,
    reservation_costs_pb2,
    reservation_pb2,
    security_pb2,
    smart_charging_pb2,
    stations_pb2,
    tariff_and_cost_pb2,
    tariffs_pb2,
    tenants_pb2,
    tokens_pb2,
    transaction_limits_pb2,
    transactions_pb2,
)

__all__ = ["READS", "SERVICES", "Method", "methods"]

_FILES = {
    "authorization": authorization_pb2,
    "availability": availability_pb2,
    "commands": commands_pb2,
    "configurations": configurations_pb2,
    "connections": connections_pb2,
    "data_transfer": data_transfer_pb2,
    "diagnostics": diagnostics_pb2,
    "display_message": display_message_pb2,
    "events": events_pb2,
    "firmware_campaigns": firmware_campaigns_pb2,
    "firmware_management": firmware_management_pb2,
    "keys": keys_pb2,
    "local_auth_list": local_auth_list_pb2,
    "meter_values": meter_values_pb2,
    "provisioning": provisioning_pb2,
    "refusals": refusals_pb2,
    "remote_control": remote_control_pb2,
    "reports": reports_pb2,
    "reservation": reservation_pb2,
    "reservation_costs": reservation_costs_pb2,
    "security": security_pb2,
    "smart_charging": smart_charging_pb2,
    "stations": stations_pb2,
    "tariff_and_cost": tariff_and_cost_pb2,
    "tariffs": tariffs_pb2,
    "tenants": tenants_pb2,
    "tokens": tokens_pb2,
    "transaction_limits": transaction_limits_pb2,
    "transactions": transactions_pb2,
}


def _service(name: str) -> ServiceDescriptor:
    service: ServiceDescriptor
    (service,) = _FILES[name].DESCRIPTOR.services_by_name.values()
    return service


SERVICES: Mapping[str, ServiceDescriptor] = {name: _service(name) for name in _FILES}
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


READS: frozenset[tuple[str, str]] = frozenset((method.service, method.name) for method in methods() if method.is_read)
"""Service and name of every rpc that may be sent again after UNAVAILABLE."""
