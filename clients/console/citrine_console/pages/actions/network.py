"""How a station connects: a network profile for one of its slots, and the fields that say one."""

from collections.abc import Sequence
from typing import Any

from citrine.api.v1 import provisioning_pb2 as provisioning
from citrine.api.v1.stations_pb2 import Station
from citrine.ocpp.v2 import provisioning_pb2 as ocpp_provisioning
from citrine_console.filter_forms import enum_choices
from citrine_console.forms import Choice, Field, Values
from citrine_console.pages.actions.station_action import StationAction, ocpp
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "connection", "connection_fields", "profile_choices"]

_VERSIONS: Sequence[Choice] = (("OCPP20", "2.0.1"), ("OCPP21", "2.1"), ("OCPP16", "1.6"))
"""Versions that a station is told, by OCPP's words for them."""

MESSAGE_TIMEOUT = "30"
"""Seconds that a station waits for an answer, where nobody enters another number."""


def profile_choices() -> list[Choice]:
    """Return the security profiles of OCPP, by their numbers."""
    return [
        ("1", _("1: password, without TLS")),
        ("2", _("2: password and TLS")),
        ("3", _("3: TLS with a certificate of its own")),
    ]


def connection_fields(profiles: Sequence[Choice]) -> list[Field]:
    """Return the fields of a network profile.

    Args:
        profiles: Security profiles that may be chosen.
    """
    kind = ocpp_provisioning.NetworkConnectionProfile
    return [
        Field("ocpp_csms_url", _("URL"), required=True, hint=_("without the id of the station, as wss://host/tenant")),
        Field("security_profile", _("Security profile"), "select", choices=profiles),
        Field("ocpp_interface", _("Interface"), "select", choices=enum_choices(kind, "ocpp_interface")),
        Field("ocpp_version", _("OCPP"), "select", choices=_VERSIONS),
        Field(
            "message_timeout",
            _("Seconds that it waits for an answer"),
            "number",
            MESSAGE_TIMEOUT,
            attributes={"min": "1"},
        ),
    ]


def connection(values: Values) -> dict[str, Any]:
    """Return the network profile that was entered, in OCPP's spelling.

    Raises:
        Wrong: When a number is none.
    """
    return {
        "ocppCsmsUrl": values["ocpp_csms_url"],
        "securityProfile": values.number("security_profile"),
        "ocppInterface": values["ocpp_interface"],
        "ocppTransport": "JSON",
        "ocppVersion": values["ocpp_version"],
        "messageTimeout": values.number("message_timeout"),
    }


async def _fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    slot = Field("configuration_slot", _("Slot"), "number", required=True, attributes={"min": "0"})
    return [
        slot,
        *connection_fields(profile_choices()),
        Field("identity", _("User name"), hint=_("where it is not its id; OCPP 2.1"), attributes={"maxlength": "48"}),
        Field("basic_auth_password", _("Password"), "password", hint=_("optional; OCPP 2.1")),
    ]


def _request(values: Values) -> provisioning.SetNetworkProfileRequest:
    data = {
        **connection(values),
        "identity": values["identity"] or None,
        "basicAuthPassword": values["basic_auth_password"] or None,
    }
    payload = {"configurationSlot": values.number("configuration_slot"), "connectionData": data}
    return provisioning.SetNetworkProfileRequest(request=ocpp(ocpp_provisioning.SetNetworkProfileRequest, payload))


ACTIONS = [
    StationAction(
        "set-network-profile",
        noop("Set a network profile"),
        noop("Set a network profile of {station}"),
        "SetNetworkProfile",
        "provisioning",
        _request,
        _fields,
        words=noop(
            "It uses the profile only once its slot is first in NetworkConfigurationPriority, and it is restarted. One "
            "that does not work may leave it without a connection."
        ),
        hurts=True,
        is_in_menu=False,
    ),
]
