"""OCPP 1.6, local authorization lists."""

from typing import Any

from citrine.api.v1 import local_auth_list_pb2 as pb
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import local_auth_list_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED, IdTokenInfo
from citrine_sdk import Citrine
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation


async def version_of(station: ConformanceStation, api: Citrine, version: int) -> int:
    """Have the station asked for the version of its list; return what the caller is told."""
    rpc = api.local_auth_list.GetLocalListVersion(pb.GetLocalListVersionRequest(target=states.target(station)))
    asked, response = await station.asked_by(rpc, "GetLocalListVersion", {"listVersion": version})
    assert asked == {}
    return int(response.response.version_number)


async def send(
    station: ConformanceStation, api: Citrine, kind: "ocpp.UpdateEnum.ValueType", answer: str = "Accepted"
) -> tuple[dict[str, Any], str]:
    """Have the token of the case sent; return what the station is sent, and what the caller is told."""
    info = IdTokenInfo(status=AUTHORIZATION_STATUS_ENUM_ACCEPTED)
    entry = ocpp.AuthorizationData(id_token=states.token(station), id_token_info=info)
    request = ocpp.SendLocalListRequest(update_type=kind, local_authorization_list=[entry])
    rpc = api.local_auth_list.SendLocalList(pb.SendLocalListRequest(target=states.target(station), request=request))
    asked, response = await station.asked_by(rpc, "SendLocalList", {"status": answer})
    assert asked["updateType"] == spelling_of(ocpp.UpdateEnum, kind)
    assert asked["listVersion"] > 0
    (sent,) = asked["localAuthorizationList"]
    assert (sent["idTag"], sent["idTagInfo"]["status"]) == (station.id_token["idToken"], "Accepted")
    return asked, spelling_of(ocpp.SendLocalListStatusEnum, response.response.status)


async def held(station: ConformanceStation, api: Citrine) -> list[str]:
    """Return the tokens that the station holds, as the API shows them."""
    entries = await api.local_auth_list.ListLocalListEntries(
        pb.ListLocalListEntriesRequest(station_id=station.station_id)
    )
    return [one.id_token.id_token for one in entries.entries if one.HasField("held")]


async def test_TC_042_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station without local lists says so by version -1."""
    await states.booted(station)

    assert await version_of(station, api, -1) == -1


async def test_TC_042_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station with an empty list says so by version 0."""
    await states.booted(station)

    assert await version_of(station, api, 0) == 0


async def test_TC_043_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station without local lists takes none."""
    await states.booted(station)

    _, told = await send(station, api, ocpp.UPDATE_ENUM_FULL, "NotSupported")

    assert told == "Failed"
    assert await held(station, api) == []


async def test_TC_043_3_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station fails to store a list."""
    await states.booted(station)

    _, told = await send(station, api, ocpp.UPDATE_ENUM_FULL, "Failed")

    assert told == "Failed"
    assert await held(station, api) == []


async def test_TC_043_4_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A whole list is sent."""
    await states.booted(station)

    _, told = await send(station, api, ocpp.UPDATE_ENUM_FULL)

    assert told == "Accepted"
    assert await held(station, api) == [station.id_token["idToken"]]


async def test_TC_043_5_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A list is changed, and gets a higher version."""
    await states.booted(station)
    whole, _ = await send(station, api, ocpp.UPDATE_ENUM_FULL)

    change, told = await send(station, api, ocpp.UPDATE_ENUM_DIFFERENTIAL)

    assert change["listVersion"] > whole["listVersion"]
    assert told == "Accepted"
    assert await held(station, api) == [station.id_token["idToken"]]
