"""Where stations are: a location is read once for all of its stations, beside others."""

import asyncio
import threading
from pathlib import Path
from typing import Any

from citrine.api.v1.locations_pb2 import GetLocationRequest, ListLocationEvsesResponse, Location, LocationEvse
from citrine_ocpi.modules.places import Places
from citrine_sdk import Citrine
from tests.clients.scripted_core import ScriptedCore, start
from tests.support.ocpi import running_adapter
from tests.support.waiting import WAIT


async def test_each_location_is_read_once_and_waits_for_no_other(tmp_path: Path) -> None:
    core, both = ScriptedCore(), threading.Barrier(2, timeout=WAIT)

    def evse(station_id: str) -> LocationEvse:
        location_id = station_id.partition("/")[0]
        return LocationEvse(uid=station_id, location_id=location_id, station_id=station_id, evse_id=1)

    def location(request: GetLocationRequest, context: Any) -> Location:
        # Neither is answered before both are asked for.
        both.wait()
        evses = [evse(f"{request.location_id}/{number}") for number in range(2)]
        return Location(location_id=request.location_id, evses=evses)

    core.on("ListLocationEvses", lambda request, _: ListLocationEvsesResponse(evses=[evse(request.station_id)]))
    core.on("GetLocation", location)
    server = start(core)
    try:
        async with running_adapter(tmp_path, modules=[]) as adapter, Citrine(core.address) as citrine:
            places = Places(citrine, adapter.office.partners)
            stations = ["L-1/0", "L-1/1", "L-2/0", "L-2/1"]
            async with asyncio.timeout(WAIT / 2):
                found = await asyncio.gather(*(places.of(one, 1) for one in stations))
    finally:
        both.abort()
        server.stop(grace=None).wait()

    assert [one.evse_uid for one in found if one is not None] == stations
    assert sorted(one.location_id for one in core.requests("GetLocation")) == ["L-1", "L-2"]
