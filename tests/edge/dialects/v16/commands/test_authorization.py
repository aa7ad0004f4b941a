"""Local lists and reservations on OCPP 1.6."""

from typing import Any

import pytest

from citrine.ocpp.id_tags import surrogate_of
from citrine_edge.dialects import UnsupportedAction
from citrine_edge.ocppj import RpcError
from tests.support.dialogues import play

TIME = "2025-01-31T12:00:00Z"

LONG = "DE-ABC-C12345678-90123456"


def token(id_token: str, kind: str = "ISO14443") -> dict[str, Any]:
    return {"idToken": id_token, "type": kind}


def sent(update_type: str, *entries: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = {"versionNumber": 3, "updateType": update_type}
    if entries:
        payload["localAuthorizationList"] = list(entries)
    [(action, found)] = play("SendLocalList", payload, {"status": "Accepted"}).calls
    assert action == "SendLocalList"
    return found


@pytest.mark.parametrize("version", [0, 5, -1])
def test_version_of_a_list_is_told_as_it_is(version: int) -> None:
    played = play("GetLocalListVersion", {}, {"listVersion": version})

    assert played.calls == [("GetLocalListVersion", {})]
    assert played.response == {"versionNumber": version}


def test_list_is_sent() -> None:
    info = {"status": "Accepted", "cacheExpiryDateTime": TIME, "groupIdToken": token("G", "Central"), "language1": "de"}

    assert sent("Full", {"idToken": token("A"), "idTokenInfo": info}) == {
        "listVersion": 3,
        "updateType": "Full",
        "localAuthorizationList": [
            {"idTag": "A", "idTagInfo": {"status": "Accepted", "expiryDate": TIME, "parentIdTag": "G"}}
        ],
    }


def test_empty_list_removes_all() -> None:
    assert sent("Full") == {"listVersion": 3, "updateType": "Full"}


@pytest.mark.parametrize(
    ("status", "theirs"),
    [
        ("Accepted", "Accepted"),
        ("Blocked", "Blocked"),
        ("ConcurrentTx", "ConcurrentTx"),
        ("Expired", "Expired"),
        ("Invalid", "Invalid"),
        ("NoCredit", "Blocked"),
        ("NotAllowedTypeEVSE", "Blocked"),
        ("NotAtThisLocation", "Blocked"),
        ("NotAtThisTime", "Blocked"),
        ("Unknown", "Invalid"),
    ],
)
def test_every_status_has_one_in_1_6(status: str, theirs: str) -> None:
    [entry] = sent("Full", {"idToken": token("A"), "idTokenInfo": {"status": status}})["localAuthorizationList"]

    assert entry["idTagInfo"] == {"status": theirs}


def test_token_without_info_is_removed() -> None:
    assert sent("Differential", {"idToken": token("A")})["localAuthorizationList"] == [{"idTag": "A"}]


def test_long_tokens_and_groups_have_surrogates() -> None:
    info = {"status": "Accepted", "groupIdToken": token(LONG, "Central")}

    [entry] = sent("Full", {"idToken": token(LONG, "eMAID"), "idTokenInfo": info})["localAuthorizationList"]

    assert entry["idTag"] == surrogate_of(LONG, "eMAID")
    assert entry["idTagInfo"]["parentIdTag"] == surrogate_of(LONG, "Central")


def test_token_that_is_accepted_at_some_evses_only_is_not_in_the_list() -> None:
    """A list of 1.6 does not say where, so the station has to ask."""
    entry = {"idToken": token("A"), "idTokenInfo": {"status": "Accepted", "evseId": [1]}}

    assert "localAuthorizationList" not in sent("Full", entry)
    assert sent("Differential", entry)["localAuthorizationList"] == [{"idTag": "A"}]


def test_tokens_of_two_types_with_one_id_are_one_entry() -> None:
    """Errata: an idTag is in a list once. The one that is to be stored wins over one that is to be removed."""
    entries = sent(
        "Differential",
        {"idToken": token("A"), "idTokenInfo": {"status": "Accepted"}},
        {"idToken": token("A", "Central")},
    )["localAuthorizationList"]

    assert entries == [{"idTag": "A", "idTagInfo": {"status": "Accepted"}}]


@pytest.mark.parametrize("version", [0, -1])
def test_version_0_is_no_list(version: int) -> None:
    """Errata 3.52."""
    with pytest.raises(RpcError, match="/versionNumber must be 1 or more"):
        play("SendLocalList", {"versionNumber": version, "updateType": "Full"})


@pytest.mark.parametrize("status", ["Accepted", "Failed", "VersionMismatch"])
def test_answer_to_a_list_is_told(status: str) -> None:
    played = play("SendLocalList", {"versionNumber": 1, "updateType": "Full"}, {"status": status})

    assert played.response == {"status": status}


def test_station_without_lists_says_so() -> None:
    response = play("SendLocalList", {"versionNumber": 1, "updateType": "Full"}, {"status": "NotSupported"}).response

    assert response is not None
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Failed", "NotSupported")


@pytest.mark.parametrize("status", ["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"])
def test_reservation(status: str) -> None:
    payload = {
        "id": 8,
        "expiryDateTime": TIME,
        "idToken": token("A"),
        "evseId": 2,
        "groupIdToken": token(LONG, "Central"),
    }

    played = play("ReserveNow", payload, {"status": status})

    assert played.calls == [
        (
            "ReserveNow",
            {
                "connectorId": 2,
                "expiryDate": TIME,
                "idTag": "A",
                "reservationId": 8,
                "parentIdTag": surrogate_of(LONG, "Central"),
            },
        )
    ]
    assert played.response == {"status": status}


def test_reservation_of_any_evse_is_for_connector_0() -> None:
    payload = {"id": 8, "expiryDateTime": TIME, "idToken": token("A")}

    [(_, found)] = play("ReserveNow", payload, {"status": "Accepted"}).calls

    assert found == {"connectorId": 0, "expiryDate": TIME, "idTag": "A", "reservationId": 8}


def test_reservation_by_connector_type_is_refused_by_name() -> None:
    payload = {"id": 8, "expiryDateTime": TIME, "idToken": token("A"), "connectorType": "cCCS2"}

    with pytest.raises(UnsupportedAction, match="/connectorType"):
        play("ReserveNow", payload)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_reservation_is_cancelled(status: str) -> None:
    played = play("CancelReservation", {"reservationId": 8}, {"status": status})

    assert played.calls == [("CancelReservation", {"reservationId": 8})]
    assert played.response == {"status": status}
