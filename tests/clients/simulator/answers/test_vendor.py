from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms


async def test_P01_FR_05_unknown_vendors_are_unknown(csms: Csms, make_station: MakeStation) -> None:
    await make_station()

    assert await csms.call("CS-1", "DataTransfer", {"vendorId": "x"}) == {"status": "UnknownVendorId"}


async def test_known_vendors_get_their_data_back(csms: Csms, make_station: MakeStation) -> None:
    await make_station(data_transfer_vendors=frozenset({"com.example"}))

    answer = await csms.call("CS-1", "DataTransfer", {"vendorId": "com.example", "data": {"a": [1, None]}})

    assert answer == {"status": "Accepted", "data": {"a": [1, None]}}
    assert await csms.call("CS-1", "DataTransfer", {"vendorId": "com.example"}) == {"status": "Accepted"}
