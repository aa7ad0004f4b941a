"""Commands of OCPP 1.6 that control a station: reset, availability, unlock, remote start and stop, triggers."""

from collections.abc import Mapping

from citrine_edge.dialects.exchanges import CallRefused
from citrine_edge.dialects.v16.commands.charging_profiles import charging_profile
from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Json, Outcome, Step, status_info
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.commands.id_tags import pop_tag
from citrine_edge.dialects.v16.plug_and_charge import ask_over_data_transfer

__all__ = [
    "change_availability",
    "clear_cache",
    "request_start_transaction",
    "request_stop_transaction",
    "reset",
    "trigger_message",
    "unlock_connector",
]

RESETS: Mapping[str, str] = {"Immediate": "Hard", "OnIdle": "Soft"}
"""Types of Reset in 2.x and 1.6."""

TRIGGERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    # The CALLs that ask for a message: each next one if a station does not have the one before.
    "BootNotification": (("TriggerMessage", "BootNotification"),),
    "FirmwareStatusNotification": (("TriggerMessage", "FirmwareStatusNotification"),),
    "Heartbeat": (("TriggerMessage", "Heartbeat"),),
    "MeterValues": (("TriggerMessage", "MeterValues"),),
    "StatusNotification": (("TriggerMessage", "StatusNotification"),),
    "LogStatusNotification": (
        ("ExtendedTriggerMessage", "LogStatusNotification"),
        ("TriggerMessage", "DiagnosticsStatusNotification"),
    ),
    "SignChargingStationCertificate": (("ExtendedTriggerMessage", "SignChargePointCertificate"),),
}
"""Messages of 2.x that can be triggered, and how."""

_ABOUT_CONNECTORS = frozenset({"MeterValues", "StatusNotification"})


def reset(said: Fields) -> Dialogue:
    """Translate Reset."""
    kind = said.pop("type")
    if kind not in RESETS:
        raise said.refuse("type", "OCPP 1.6 resets Hard or Soft, and resumes nothing")
    if "evseId" in said:
        raise said.refuse("evseId", "OCPP 1.6 resets whole stations")
    said.end()
    answer = yield Step("Reset", {"type": RESETS[kind]})
    return Outcome({"status": answer["status"]})


def change_availability(said: Fields) -> Dialogue:
    """Translate ChangeAvailability; without an EVSE it is for connector 0, the station."""
    kind, connector_id = said.pop("operationalStatus"), said.pop_connector()
    said.end()
    answer = yield Step("ChangeAvailability", {"connectorId": connector_id, "type": kind})
    return Outcome({"status": answer["status"]})


def unlock_connector(said: Fields) -> Dialogue:
    """Translate UnlockConnector. A station without a lock, or without that connector, answers NotSupported."""
    connector_id, number = said.pop("evseId"), said.pop("connectorId")
    if number != 1:
        raise said.refuse("connectorId", "a connector of OCPP 1.6 is connector 1 of the EVSE with its number")
    said.end()
    answer = yield Step("UnlockConnector", {"connectorId": connector_id})
    if answer["status"] == "NotSupported":
        info = status_info("NotSupported", "the connector is unknown or has no lock")
        return Outcome({"status": "UnlockFailed", **info})
    return Outcome({"status": answer["status"]})


def clear_cache(said: Fields) -> Dialogue:
    """Translate ClearCache."""
    said.end()
    answer = yield Step("ClearCache", {})
    return Outcome({"status": answer["status"]})


def request_start_transaction(said: Fields) -> Dialogue:
    """Translate RequestStartTransaction.

    The remoteStartId does not reach the station, and the group not either: it learns the parent with the answer to its
    StartTransaction.
    """
    said.ignore("remoteStartId", "groupIdToken")
    payload: Json = {"idTag": pop_tag(said, "idToken")}
    if (evse_id := said.pop("evseId")) is not None:
        payload["connectorId"] = evse_id
    profile = said.pop_fields("chargingProfile")
    if profile is not None:
        payload["chargingProfile"] = charging_profile(profile)
    said.end()
    answer = yield Step("RemoteStartTransaction", payload)
    return Outcome({"status": answer["status"]})


def request_stop_transaction(said: Fields) -> Dialogue:
    """Translate RequestStopTransaction."""
    transaction_id = said.pop_number("transactionId")
    said.end()
    answer = yield Step("RemoteStopTransaction", {"transactionId": transaction_id})
    return Outcome({"status": answer["status"]})


def trigger_message(said: Fields) -> Dialogue:
    """Translate TriggerMessage: extended where the message needs it."""
    requested = said.pop("requestedMessage")
    if requested == "SignV2GCertificate":
        said.end()
        return (yield from ask_over_data_transfer("TriggerMessage", {"requestedMessage": requested}))
    if requested not in TRIGGERS:
        raise said.refuse("requestedMessage", f"OCPP 1.6 can't trigger {requested}")
    about: Json = {}
    if "evse" in said and requested in _ABOUT_CONNECTORS:
        about = {"connectorId": said.pop_connector()}
    # Of the other messages there is one for the station, whatever EVSE is named.
    said.ignore("evse")
    said.end()
    calls = TRIGGERS[requested]
    for number, (action, name) in enumerate(calls):
        is_last = number + 1 == len(calls)
        try:
            answer = yield Step(action, {"requestedMessage": name, **about})
        except CallRefused as refused:
            if is_last or not refused.is_unknown:
                raise
        else:
            if is_last or answer["status"] != "NotImplemented":
                return Outcome({"status": answer["status"]})
    raise AssertionError("the last CALL returns or raises")
