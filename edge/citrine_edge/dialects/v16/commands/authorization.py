"""Local lists and reservations in OCPP 1.6."""

from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Json, Outcome, Step, status_info
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.commands.id_tags import pop_tag, tag_info, tag_of
from citrine_edge.ocppj import Code, RpcError

__all__ = ["cancel_reservation", "get_local_list_version", "reserve_now", "send_local_list"]


def get_local_list_version(said: Fields) -> Dialogue:
    """Translate GetLocalListVersion: 0 is an empty list, -1 a station without lists (edition 2, 5.10)."""
    said.end()
    answer = yield Step("GetLocalListVersion", {})
    return Outcome({"versionNumber": answer["listVersion"]})


def send_local_list(said: Fields) -> Dialogue:
    """Translate SendLocalList.

    A list of OCPP 1.6 does not say at which EVSEs a token is accepted, so a token that is not accepted at all of them
    is removed from it, and the station asks.
    """
    version, kind = said.pop("versionNumber"), said.pop("updateType")
    if version <= 0:
        # Errata 3.52: 0 is the version of no list.
        path = f"{said.path}/versionNumber"
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"{path} must be 1 or more in OCPP 1.6", path=path)
    entries: dict[str, Json] = {}
    for each in said.pop_list("localAuthorizationList"):
        token, info = each.pop("idToken"), each.pop("idTokenInfo")
        each.end()
        tag = tag_of(token)
        stored = info is not None and not info.get("evseId")
        if stored:
            entries[tag] = {"idTag": tag, "idTagInfo": tag_info(info)}
        elif kind == "Differential":
            entries.setdefault(tag, {"idTag": tag})
    said.end()
    payload: Json = {"listVersion": version, "updateType": kind}
    if entries:
        payload["localAuthorizationList"] = list(entries.values())
    answer = yield Step("SendLocalList", payload)
    if answer["status"] == "NotSupported":
        return Outcome({"status": "Failed", **status_info("NotSupported", "the station has no local list")})
    return Outcome({"status": answer["status"]})


def reserve_now(said: Fields) -> Dialogue:
    """Translate ReserveNow; without an EVSE it is for connector 0, any of the station's."""
    payload = {
        "connectorId": said.pop("evseId") or 0,
        "expiryDate": said.pop("expiryDateTime"),
        "idTag": pop_tag(said, "idToken"),
        "reservationId": said.pop("id"),
    }
    if "groupIdToken" in said:
        payload["parentIdTag"] = pop_tag(said, "groupIdToken")
    said.end()
    answer = yield Step("ReserveNow", payload)
    return Outcome({"status": answer["status"]})


def cancel_reservation(said: Fields) -> Dialogue:
    """Translate CancelReservation."""
    reservation_id = said.pop("reservationId")
    said.end()
    answer = yield Step("CancelReservation", {"reservationId": reservation_id})
    return Outcome({"status": answer["status"]})
