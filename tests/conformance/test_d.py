"""Cases of functional block D, Local authorization list management."""

from typing import Any

from citrine.api.v1 import local_auth_list_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import local_auth_list_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED, IdToken, IdTokenInfo
from citrine_sdk import Citrine
from tests.conformance.states import booted
from tests.conformance.station import ConformanceStation

ACCEPTED = {"status": "Accepted"}


def entry(id_token: dict[str, Any], *, info: bool = True) -> ocpp.AuthorizationData:
    return ocpp.AuthorizationData(
        id_token=IdToken(id_token=id_token["idToken"], type=id_token["type"]),
        id_token_info=IdTokenInfo(status=AUTHORIZATION_STATUS_ENUM_ACCEPTED) if info else None,
    )


async def send(
    api: Citrine,
    station: ConformanceStation,
    kind: ocpp.UpdateEnum.ValueType,
    *entries: ocpp.AuthorizationData,
) -> dict[str, Any]:
    """Have a list sent, which the station accepts; return what it was sent."""
    rpc = api.local_auth_list.SendLocalList(
        pb.SendLocalListRequest(
            target=CommandTarget(station_id=station.station_id),
            request=ocpp.SendLocalListRequest(update_type=kind, local_authorization_list=entries),
        )
    )
    asked, answered = await station.asked_by(rpc, "SendLocalList", ACCEPTED)
    assert answered.response.status == ocpp.SEND_LOCAL_LIST_STATUS_ENUM_ACCEPTED
    return asked


async def get_version(api: Citrine, station: ConformanceStation, version: int) -> int:
    """Have the station asked for the version of its list."""
    rpc = api.local_auth_list.GetLocalListVersion(
        pb.GetLocalListVersionRequest(target=CommandTarget(station_id=station.station_id))
    )
    _, answered = await station.asked_by(rpc, "GetLocalListVersion", {"versionNumber": version})
    return int(answered.response.version_number)


async def stored(api: Citrine, station: ConformanceStation) -> tuple[int, list[str]]:
    """Return the version of the list and the tokens that the station holds, as the API shows them."""
    found = await api.local_auth_list.GetLocalList(pb.GetLocalListRequest(station_id=station.station_id))
    entries = await api.local_auth_list.ListLocalListEntries(
        pb.ListLocalListEntriesRequest(station_id=station.station_id)
    )
    assert found.differences == 0
    return found.version, [one.id_token.id_token for one in entries.entries if one.HasField("held")]


async def test_TC_D_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A whole list is sent."""
    await booted(station)
    await get_version(api, station, 1)

    asked = await send(api, station, ocpp.UPDATE_ENUM_FULL, entry(station.id_token))

    assert asked["updateType"] == "Full"
    assert asked["versionNumber"] > 0
    assert [one["idToken"] for one in asked["localAuthorizationList"]] == [station.id_token]
    assert all(one["idTokenInfo"] for one in asked["localAuthorizationList"])
    assert await stored(api, station) == (asked["versionNumber"], [station.id_token["idToken"]])


async def test_TC_D_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Tokens are added to a list."""
    await booted(station)
    await get_version(api, station, 1)

    asked = await send(api, station, ocpp.UPDATE_ENUM_DIFFERENTIAL, entry(station.id_token))

    assert asked["updateType"] == "Differential"
    assert asked["versionNumber"] > 1
    assert [one["idToken"] for one in asked["localAuthorizationList"]] == [station.id_token]
    assert await stored(api, station) == (asked["versionNumber"], [station.id_token["idToken"]])


async def test_TC_D_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Tokens are removed from a list."""
    await booted(station)
    before = await send(api, station, ocpp.UPDATE_ENUM_FULL, entry(station.id_token))

    asked = await send(api, station, ocpp.UPDATE_ENUM_DIFFERENTIAL, entry(station.id_token, info=False))

    assert asked["updateType"] == "Differential"
    assert asked["versionNumber"] > before["versionNumber"]
    assert asked["localAuthorizationList"] == [{"idToken": station.id_token}]
    assert await stored(api, station) == (asked["versionNumber"], [])


async def test_TC_D_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A list is emptied."""
    await booted(station)

    asked = await send(api, station, ocpp.UPDATE_ENUM_FULL)

    assert asked["updateType"] == "Full"
    assert asked["versionNumber"] > 0
    assert "localAuthorizationList" not in asked
    assert await stored(api, station) == (asked["versionNumber"], [])


async def test_TC_D_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is asked which version of the list it has."""
    await booted(station)

    assert await get_version(api, station, 7) == 7
    assert (await stored(api, station))[0] == 7


async def test_TC_D_09_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is asked for the version of a list that it does not have."""
    await booted(station)

    assert await get_version(api, station, 0) == 0
    assert (await stored(api, station))[0] == 0
